import type { Category } from './changelog.ts';

const PARTS = ['major', 'minor', 'patch'] as const;
type Part = (typeof PARTS)[number];

export interface VersionRequest {
  readonly current: string;
  /** False before the first release of `current`. */
  readonly isReleased: boolean;
  /** `major`, `minor`, `patch` or a version; absent: by the categories. */
  readonly wanted: string | undefined;
  readonly categories: readonly Category[];
}

/**
 * Without a wish: the current version until it is released, then by what has changed.
 *
 * @throws {Error} for a wish that is not a part or a later version
 * @see https://semver.org/spec/v2.0.0.html
 */
export function nextVersion({ current, isReleased, wanted, categories }: VersionRequest): string {
  if (wanted === undefined) return isReleased ? bump(current, partOf(current, categories)) : current;
  if (isPart(wanted)) return bump(current, wanted);
  const isLater = compare(wanted, current) > 0 || (wanted === current && !isReleased);
  if (!isLater) throw new Error(`${wanted} does not follow ${current}`);
  return wanted;
}

/** A removal breaks users, which before 1.0.0 takes no more than a minor version. */
function partOf(current: string, categories: readonly Category[]): Part {
  if (categories.includes('removed') && !current.startsWith('0.')) return 'major';
  return categories.every((category) => category === 'fixed' || category === 'security') ? 'patch' : 'minor';
}

function bump(version: string, part: Part): string {
  const [major, minor, patch] = numbersOf(version);
  if (part === 'major') return `${major + 1}.0.0`;
  return part === 'minor' ? `${major}.${minor + 1}.0` : `${major}.${minor}.${patch + 1}`;
}

function compare(a: string, b: string): number {
  const other = numbersOf(b);
  return numbersOf(a).reduce((result, number, i) => result || number - (other[i] ?? 0), 0);
}

function numbersOf(version: string): readonly [number, number, number] {
  const match = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/.exec(version);
  if (!match) throw new Error(`"${version}" is not a version (use ${PARTS.join(', ')} or a version such as 1.2.3)`);
  return [Number(match[1]), Number(match[2]), Number(match[3])];
}

function isPart(name: string): name is Part {
  return (PARTS as readonly string[]).includes(name);
}
