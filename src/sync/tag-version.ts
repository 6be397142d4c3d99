/** A tag that names a version. Two versions can be compared only within a family. */
export interface TagVersion {
  /** Text before the version, number of its parts and suffix: `3.20-alpine` is in another family than `3.20` and `3.20.1-alpine`. */
  readonly family: string;
  /** At least one. */
  readonly parts: readonly number[];
  /** A day rather than a version: `20240105`, `2024-01-05`. */
  readonly isDate: boolean;
  /** A name precedes it: `bookworm-20240105`. */
  readonly isNamed: boolean;
  /** Absent for a release. */
  readonly prerelease: Prerelease | undefined;
  /** Numbers of a rebuild: `9.3-1552`, `16.1.0-debian-12-r15`. */
  readonly build: readonly number[];
}

interface Prerelease {
  /** As in semver: `rc`. */
  readonly kind: string;
  readonly numbers: readonly number[];
}

/** Numbers are safe integers. */
const NUMBERS = String.raw`\d{1,15}(?:\.\d{1,15})*`;
const DAY_OR_TIME = String.raw`\d{4}-[01]\d-[0-3]\d(?:T\d\d-\d\d-\d\dZ)?`;
const VERSION = new RegExp(
  String.raw`^(?<name>(?:[A-Za-z]+[-_.])*)(?<v>[vV]?)(?:(?<day>${DAY_OR_TIME})|(?<numbers>${NUMBERS}))(?![\d.])(?<rest>.*)$`,
);
/** `20240105`, also with a time. */
const COMPACT_DAY = /^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?:\d{2,6})?$/;
/** Longer numbers that are not a day are more likely a part of a hash. */
const MAX_DIGITS = 6;
/** Of a commit. At least one digit and one letter, so that neither a word nor a date is one. */
const HASH = String.raw`g?(?=[0-9a-f]*[a-f])(?=[a-f]*\d)[0-9a-f]{7,64}(?=$|[-_.])`;
const HASH_FIRST = new RegExp(`^${HASH}`);
const HASH_IN_SUFFIX = new RegExp(`[-_.]${HASH}`);

const PRERELEASE = new RegExp(
  String.raw`^(?:[-_.]?(?<word>alpha|beta|rc|cr|preview|pre|dev|snapshot|nightly|canary|milestone|unstable|ea|next)|(?<letter>[ab](?=\d))|[-_.]?(?<m>m(?=\d)))[-_.]?(?<numbers>${NUMBERS})?(?=$|[-_.])`,
  'i',
);
const SAME_KINDS: Readonly<Record<string, string>> = {
  a: 'alpha',
  b: 'beta',
  m: 'milestone',
  cr: 'rc',
  pre: 'preview',
};
/** Later ones are closer to the release; others are before all of these. */
const KINDS = ['alpha', 'milestone', 'beta', 'preview', 'rc'];

/** Directly after the version, as in `9.3-1552` and `16-3.4-alpine`. */
const FIRST_BUILD = new RegExp(String.raw`^[-_](?<numbers>${NUMBERS})(?=$|[-_])`);
/** At the end: the revision `-r15`, the day `-20240105`. */
const LAST_BUILD = /[-_.](?:r(?<revision>\d{1,9})|(?<day>(?:19|20)\d{6}(?:[.-]\d{1,6})?))$/;

/** The version that a tag names; undefined for `latest`, names of releases, hashes and other text. */
export function findTagVersion(tag: string): TagVersion | undefined {
  const { name = '', v = '', day, numbers = '', rest = '' } = VERSION.exec(tag)?.groups ?? {};
  const isDate = day !== undefined || COMPACT_DAY.test(numbers);
  const parts = numbersOf(day ?? numbers);
  if (parts.length === 0 || (!isDate && numbers.length > MAX_DIGITS && parts.length === 1)) return undefined;
  const own = tag.slice(name.length + v.length);
  if (HASH_FIRST.test(own)) return undefined;
  const { prerelease, suffix: afterPrerelease } = takePrerelease(rest);
  if (!/^(?:$|[-_.])/.test(afterPrerelease)) return undefined;
  const commit = HASH_IN_SUFFIX.test(afterPrerelease);
  const { build, suffix } = takeBuild(afterPrerelease.replace(HASH_IN_SUFFIX, '-<commit>'));
  return {
    family: [name + v, isDate ? 'day' : parts.length, suffix].join(' '),
    parts,
    isDate,
    isNamed: name !== '',
    // A build of a commit is not a release, either.
    prerelease: prerelease ?? (commit ? { kind: 'commit', numbers: [] } : undefined),
    build,
  };
}

function takePrerelease(rest: string): { prerelease: Prerelease | undefined; suffix: string } {
  const found = PRERELEASE.exec(rest);
  if (!found) return { prerelease: undefined, suffix: rest };
  const { word, letter, m, numbers = '' } = found.groups ?? {};
  const kind = (word ?? letter ?? m ?? '').toLowerCase();
  const prerelease = { kind: SAME_KINDS[kind] ?? kind, numbers: numbersOf(numbers) };
  return { prerelease, suffix: rest.slice(found[0].length) };
}

function takeBuild(rest: string): { build: number[]; suffix: string } {
  const first = FIRST_BUILD.exec(rest);
  const suffix = first ? `-<build>${rest.slice(first[0].length)}` : rest;
  const last = LAST_BUILD.exec(suffix);
  const { revision = '', day = '' } = last?.groups ?? {};
  return {
    build: [...numbersOf(first?.groups?.['numbers'] ?? ''), ...numbersOf(revision || day)],
    suffix: last ? `${suffix.slice(0, last.index)}-<build>` : suffix,
  };
}

function numbersOf(text: string): number[] {
  return (text.match(/\d+/g) ?? []).map(Number);
}

/** Older ones first; versions of one family. */
export function compareVersions(a: TagVersion, b: TagVersion): number {
  return (
    compareNumbers(a.parts, b.parts) ||
    comparePrereleases(a.prerelease, b.prerelease) ||
    compareNumbers(a.build, b.build)
  );
}

function comparePrereleases(a: Prerelease | undefined, b: Prerelease | undefined): number {
  if (!a || !b) return Number(b !== undefined) - Number(a !== undefined);
  return KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || compareNumbers(a.numbers, b.numbers);
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  const at = Array.from({ length: Math.max(a.length, b.length) }, (_, i) => i).find(
    (i) => (a[i] ?? -1) !== (b[i] ?? -1),
  );
  return at === undefined ? 0 : (a[at] ?? -1) - (b[at] ?? -1);
}
