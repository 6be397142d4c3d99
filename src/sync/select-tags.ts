import type { Pattern } from '../matching/pattern.ts';
import type { VersionRange } from '../matching/version-range.ts';
import { compareVersions, findTagVersion, type TagVersion } from './tag-version.ts';

/** Which tags of a repository are wanted: those that pass every part that is there. */
export interface TagSelection {
  readonly semver?: VersionRange | undefined;
  /** The number of newest versions in each family, of those that pass the other parts. */
  readonly newest?: number | undefined;
  /** Of the whole tag. */
  readonly match?: Pattern | undefined;
  /** Of the whole tag. */
  readonly exclude?: Pattern | undefined;
  /** Also prereleases, and builds of a commit. */
  readonly prerelease: boolean;
}

/** Signatures and lists of referrers, which belong to an image. */
const DIGEST_TAG = /^sha(?:256|512)-[0-9a-f]{64}/;

interface Candidate {
  readonly tag: string;
  readonly version: TagVersion | undefined;
}

/** The selected tags, each once: versions from the newest to the oldest, by family; then other tags by name. */
export function selectTags(tags: readonly string[], selection: TagSelection): string[] {
  const passed = [...new Set(tags)]
    .filter((tag) => !DIGEST_TAG.test(tag))
    .map((tag): Candidate => ({ tag, version: findTagVersion(tag) }))
    .filter((candidate) => passes(candidate, selection))
    .toSorted(inOrder);
  return newestOf(passed, selection.newest).map(({ tag }) => tag);
}

function passes({ tag, version }: Candidate, { semver, newest, match, exclude, prerelease }: TagSelection): boolean {
  if (match && !match.test(tag)) return false;
  if (exclude?.test(tag)) return false;
  if (version?.prerelease && !prerelease) return false;
  if (semver) return version !== undefined && isWithin(version, semver);
  return newest === undefined || version !== undefined;
}

/** Days and versions after a name are not semantic versions. */
function isWithin({ parts, prerelease, isDate, isNamed }: TagVersion, range: VersionRange): boolean {
  if (isDate || isNamed) return false;
  const [major = 0, minor = 0, patch = 0] = parts;
  return range.includes([major, minor, patch], prerelease && [prerelease.kind, ...prerelease.numbers]);
}

function inOrder(a: Candidate, b: Candidate): number {
  if (!a.version || !b.version) return Number(!a.version) - Number(!b.version) || compareText(a.tag, b.tag);
  return (
    compareText(a.version.family, b.version.family) ||
    compareVersions(b.version, a.version) ||
    compareText(a.tag, b.tag)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** Of each family the first ones. */
function newestOf(sorted: readonly Candidate[], newest: number | undefined): readonly Candidate[] {
  if (newest === undefined) return sorted;
  const taken = new Map<string, number>();
  return sorted.filter(({ version }) => {
    const family = version?.family ?? '';
    const before = taken.get(family) ?? 0;
    taken.set(family, before + 1);
    return before < newest;
  });
}
