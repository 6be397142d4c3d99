import { HeldError } from '../../jobs/held-error.ts';
import type { ImageWarmerOptions } from '../../jobs/image-warmer.ts';
import { type Quota, QuotaFullError } from '../../retention/quota.ts';

/** Reserves space for content that no client requested. */
export function createReserve(quota: Quota | undefined): ImageWarmerOptions['reserve'] {
  return async (blobs) => {
    try {
      return (await quota?.reserveInBackground(blobs)) ?? (() => {});
    } catch (err) {
      throw err instanceof QuotaFullError ? new HeldError('quota', { cause: err }) : err;
    }
  };
}
