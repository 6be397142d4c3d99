import { z } from 'zod';
import { otherwise, withDefault } from './defaults.ts';
import { integer, size } from './number.ts';

export const background = z
  .strictObject({
    bandwidth: otherwise(size('Bytes per second of all blobs that no client waits for.'), 'no limit'),
    concurrency: withDefault(integer('Images that are fetched at the same time.', { min: 1, max: 64 }), '4'),
  })
  .transform(({ bandwidth, concurrency }) => ({
    /** Bytes. Absent without a limit. */
    bytesPerSecond: bandwidth || undefined,
    concurrency,
  }))
  .describe('All [work that no client waits for](mirroring.md) together.');
