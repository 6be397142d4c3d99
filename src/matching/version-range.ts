/** A compiled range of semantic versions. */
export interface VersionRange {
  readonly source: string;
  /** @param prerelease its identifiers, such as `rc` and 1; absent for a release */
  includes(version: readonly [number, number, number], prerelease?: readonly (string | number)[]): boolean;
}

/**
 * Compiles a range such as `>=3.18 <4`, `^1.27`, `1.x || 2.x` or `>=22.04`, whose zeros semantic versioning does not have.
 * A prerelease is included by its order alone.
 *
 * @returns undefined when it is not a range
 * @see https://github.com/npm/node-semver#ranges
 */
export async function compileVersionRange(source: string): Promise<VersionRange | undefined> {
  const { default: Range } = await import('semver/classes/range.js');
  try {
    const range = new Range(source.replace(/\b0+(?=\d)/g, ''), { includePrerelease: true });
    return { source, includes: (version, prerelease) => range.test(textOf(version, prerelease)) };
  } catch (err) {
    if (err instanceof TypeError) return undefined;
    throw err;
  }
}

function textOf(version: readonly number[], prerelease: readonly (string | number)[] | undefined): string {
  return version.join('.') + (prerelease ? `-${prerelease.join('.')}` : '');
}
