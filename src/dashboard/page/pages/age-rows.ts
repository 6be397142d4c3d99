import type { StorageAges } from '../../../operations/storage-control.ts';

export interface AgeRow {
  /** Used within so many days; absent for everything older. */
  readonly days: number | undefined;
  readonly bytes: number;
  /** With everything that was used later: the quota that keeps content for so long. */
  readonly sum: number;
  /** Of all bytes, from 0 to 1. */
  readonly share: number;
}

/** Of all upstreams together, the last used first. */
export function ageRows({ days, upstreams }: Pick<StorageAges, 'days' | 'upstreams'>): readonly AgeRow[] {
  const bytes = [...days, undefined].map((_, i) =>
    upstreams.reduce((sum, { bytesByAge }) => sum + (bytesByAge[i] ?? 0), 0),
  );
  const total = bytes.reduce((sum, each) => sum + each, 0);
  let sum = 0;
  return bytes.map((each, i) => {
    sum += each;
    return { days: days[i], bytes: each, sum, share: total === 0 ? 0 : each / total };
  });
}
