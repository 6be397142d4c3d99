/** Two slashes or more, encoded or not: distribution decodes a path before it cleans it. */
const SLASHES = /(?:\/|%2f){2,}/gi;

/** Path and query of a target, which may be an absolute URL: RFC 9112, section 3.2.2. */
export function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const [origin = ''] = /^https?:\/\/[^/?#]*/i.exec(target) ?? [];
  return target.slice(origin.length);
}

/**
 * A target with single slashes in its path: addresses that were concatenated from parts have double ones. The query stays unchanged.
 *
 * @returns the same text when it is clean
 */
export function cleanTarget(target: string): string {
  if (!target.includes('//') && !target.includes('%')) return target;
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  return path.replace(SLASHES, '/') + target.slice(path.length);
}

/** Whether a target is `root` itself, or continues with a path or a query. */
export function isBelow(root: string, target: string): boolean {
  if (!target.startsWith(root)) return false;
  const next = target[root.length];
  return next === undefined || next === '/' || next === '?';
}
