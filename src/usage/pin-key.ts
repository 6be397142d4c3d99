import type { Pin } from './usage-index.ts';

/** No pattern has it. */
const SEPARATOR = '\n';

/** Key of a pin in an index: each bundle has its own pin of a pattern. */
export function pinKey({ pattern, bundle }: Pick<Pin, 'pattern' | 'bundle'>): string {
  return bundle === undefined ? pattern : `${pattern}${SEPARATOR}${bundle}`;
}

export function pinOf(key: string, pinnedAt: number): Pin {
  const [pattern = '', bundle] = key.split(SEPARATOR);
  return { pattern, pinnedAt, ...(bundle !== undefined && { bundle }) };
}
