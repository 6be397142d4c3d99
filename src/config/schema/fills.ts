import { z } from 'zod';
import { registryUrl } from './address.ts';
import { otherwise, withDefault } from './defaults.ts';
import { ownDuration } from './duration.ts';
import { integer, size } from './number.ts';
import { path } from './text.ts';

const COUNT = { min: 1, max: 100_000 };

const MIN_RATE_DESCRIPTION = [
  'An upstream that sends fewer bytes per second over half a minute counts as stalled: its connection is replaced,',
  'and after three stalls in a row the fill ends. `0`: never.',
].join(' ');

export const fills = z
  .strictObject({
    maxconcurrent: withDefault(
      integer(
        'Blobs that are fetched at the same time. Further ones wait, up to five seconds, then they are fetched as well.',
        COUNT,
      ),
      '32',
    ),
    maxperupstream: otherwise(
      integer('Of these, blobs from one upstream.', COUNT),
      'three quarters of `maxconcurrent`; all of it with one upstream',
    ),
    minrate: withDefault(size(MIN_RATE_DESCRIPTION), '4KiB'),
    maxspool: withDefault(
      size('Total size of unfinished blobs; beyond it they stream through and are not stored.'),
      '100GiB',
    ),
    keepspool: withDefault(ownDuration('How long an unfinished blob is kept to resume it.'), '24h'),
    directory: otherwise(
      path(
        'Directory of unfinished blobs for storage that is not a local directory, used by one process only; see [storage-s3.md](storage-s3.md).',
      ),
      "`layover-fills` in the system's temporary directory",
    ),
    advertise: registryUrl(
      'URL at which the other replicas reach this one. With Redis, they fetch each blob once; see [replicas.md](replicas.md).',
    ).optional(),
  })
  .transform((raw) => ({
    maxConcurrent: raw.maxconcurrent,
    /** Absent when it depends on the number of upstreams. */
    maxPerUpstream: raw.maxperupstream,
    /** Bytes per second. */
    minRate: raw.minrate,
    maxSpoolBytes: raw.maxspool,
    keepSpoolMs: raw.keepspool,
    /** Absent when the storage has a place for spools, or they are in the temporary directory. */
    directory: raw.directory,
    /** Absent when fills are not shared with replicas. */
    advertise: raw.advertise,
  }))
  .describe('Limits of fetching.');
