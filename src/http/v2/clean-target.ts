/** Two slashes or more; encoded ones are slashes too, as distribution decodes a path before it looks at it. */
const SLASHES = /(?:\/|%2f){2,}/gi;

/**
 * The target of a request with single slashes in its path, as addresses that were put together from parts have double ones. The query
 * stays as it is.
 *
 * @returns the same text when there is nothing to do
 */
export function cleanTarget(target: string): string {
  if (!target.includes('//') && !target.includes('%')) return target;
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  return path.replace(SLASHES, '/') + target.slice(path.length);
}
