import { z } from 'zod';
import { azure } from './azure.ts';
import { otherwise, withDefault, withPositiveDefault } from './defaults.ts';
import { ownDuration } from './duration.ts';
import { gcs } from './gcs.ts';
import { bool, fraction, integer, size } from './number.ts';
import { oss } from './oss.ts';
import { glob } from './pattern.ts';
import { rados } from './rados.ts';
import { s3 } from './s3.ts';
import { maintenance } from './storage-maintenance.ts';
import { choice, path, text } from './text.ts';

/** Storage drivers of this version. */
export const SUPPORTED_DRIVERS = ['filesystem', 'inmemory', 's3', 's3aws', 'gcs', 'azure', 'oss', 'rados'] as const;

/** {@link SUPPORTED_DRIVERS} in messages; s3aws is s3. */
export const DRIVERS_IN_WORDS = 'filesystem, inmemory, s3, gcs, azure, oss or rados';

/** Former drivers of distribution that this version does not have. */
export const UNSUPPORTED_DRIVERS = ['swift'] as const;

/** Descriptors in memory when `blobdescriptorsize` is 0, which means "unlimited" to distribution. */
const UNLIMITED_DESCRIPTORS = 1_000_000;

const driverOptions = (driver: string) =>
  z.record(z.string(), z.unknown()).describe(`Options of the ${driver} driver.`);

const drivers = {
  filesystem: z
    .strictObject({
      rootdirectory: withDefault(
        text(
          "Directory of all content, in distribution's layout below `docker/registry/v2`; Layover's own files are in `layover/`.",
        ),
        '/var/lib/registry',
      ),
      durability: withDefault(
        choice(
          'What a power failure leaves of pushes. `full`: everything that was acknowledged. `relaxed`: everything but that of the last seconds, some of which may be damaged; pushes do not wait for the disk.',
          ['full', 'relaxed'],
        ),
        'full',
      ),
      maxthreads: integer('Operations in progress.').optional(),
      useragent: text('Not used by this driver.').optional(),
    })
    .transform(({ rootdirectory, durability }) => ({
      kind: 'filesystem' as const,
      rootDirectory: rootdirectory,
      durability,
    }))
    .describe("Files in a directory, in distribution's layout.")
    .optional(),
  inmemory: driverOptions('inmemory').describe('For experiments; everything is lost on exit.').optional(),
  s3: s3.optional(),
  s3aws: s3.optional(),
  gcs: gcs.optional(),
  azure: azure.optional(),
  oss: oss.optional(),
  rados: rados.optional(),
  swift: driverOptions('swift').optional(),
};

const cache = z
  .strictObject({
    blobdescriptor: otherwise(
      text('`redis` or `inmemory`. `inmemory`: sizes of blobs are not shared.'),
      '`redis` where [`redis`](#redis) is configured',
    ),
    layerinfo: text('Deprecated: use `blobdescriptor`.').meta({ deprecated: true }).optional(),
    // Distribution has 10 000; these entries are small.
    blobdescriptorsize: withPositiveDefault(
      integer('Descriptors in memory, also in front of Redis. `0`: a million.').transform((given) =>
        given === 0 ? UNLIMITED_DESCRIPTORS : given,
      ),
      '50000',
    ),
  })
  .transform(({ blobdescriptor, layerinfo, blobdescriptorsize }) => ({
    isShared: ((blobdescriptor || layerinfo) ?? 'redis') === 'redis',
    maxEntries: blobdescriptorsize,
  }))
  .describe('Cache of the sizes of blobs.');

const quota = z
  .strictObject({
    size: otherwise(size('Evict the least recently used content above this size, such as `200GiB`.'), 'none'),
    high: withDefault(fraction('Evict when more than this share of the size is used.'), '1'),
    low: withDefault(fraction('Evict down to this share of the size.'), '0.8'),
    pins: otherwise(
      z
        .array(glob('A glob over names, and optionally one over tags.'))
        .describe('Protected from eviction and expiry, with or without a size: `docker.io/library/*:lts`.'),
      'none',
    ),
  })
  .transform(({ size: bytes, low, high, pins = [] }) => ({
    limits: bytes === undefined ? undefined : { size: bytes, low: Math.min(low, high), high },
    pins,
  }))
  .describe('Limit of the stored content.');

const scrub = z
  .strictObject({
    enabled: withDefault(bool('Read everything at every interval, and quarantine damaged files.'), 'false'),
    interval: withDefault(ownDuration('From the end of one scrub to the start of the next.'), '168h'),
    rate: withPositiveDefault(size('Bytes per second.'), '50MB'),
  })
  .transform(({ enabled, interval, rate }) => ({ enabled, intervalMs: interval, rate }))
  .describe('Search for damaged content.');

const index = z
  .strictObject({
    location: otherwise(
      choice('`redis`: one record of use for all processes that share it; `local`: a separate one for each.', [
        'redis',
        'local',
      ]),
      '`redis` where [`redis`](#redis) is configured; `local` with `storage.index.directory` or storage in memory',
    ),
    directory: otherwise(
      text('Local directory for the record of use.'),
      '`layover/index` in the storage directory; memory for drivers without one',
    ),
  })
  .describe('The record of use.');

const tier = z
  .strictObject({
    size: withDefault(size('Total size of the copies.'), '10GiB'),
    directory: path('Directory of the copies, used by one process only.'),
  })
  .transform((raw) => ({ maxBytes: raw.size, directory: raw.directory }))
  .describe('Copies of hot blobs on a local disk, for remote storage.');

const keys = z.strictObject({
  ...drivers,
  tag: z.strictObject({ concurrencylimit: integer('Tag links read at the same time.').optional() }).optional(),
  delete: z
    .strictObject({
      enabled: withDefault(
        bool(
          'Clients can delete tags, manifests and blobs of hosted repositories; see [registry.md](registry.md#deleting).',
        ),
        'false',
      ),
    })
    .describe('Deletion by clients.')
    .prefault({}),
  redirect: z
    .strictObject({
      disable: otherwise(
        bool('`true`: clients are not redirected to the storage for blobs.'),
        '`false`; `true` with `storage.tier`',
      ),
    })
    .describe('Redirects to storage that has URLs: S3, Cloud Storage, Azure, or the `redirect` middleware.')
    .prefault({}),
  cache: cache.prefault({}),
  maintenance: maintenance.prefault({}),
  quota: quota.prefault({}),
  scrub: scrub.prefault({}),
  index: index.prefault({}),
  tier: tier.optional(),
});

type RawStorage = z.output<typeof keys>;

export const storage = keys
  .transform((raw) => {
    const { cache: descriptors, delete: deletes, redirect, maintenance: jobs, quota: space, tier: copies } = raw;
    return {
      driver: toDriver(raw),
      descriptors,
      hasDeletes: deletes.enabled,
      // An operator who configures a tier wants its copies used.
      canRedirect: !(redirect.disable ?? copies !== undefined),
      readOnly: jobs.readonly.enabled,
      tier: copies,
      quota: space.limits,
      pins: space.pins,
      scrub: raw.scrub,
      uploadPurging: jobs.uploadpurging,
      garbageCollection: jobs.garbagecollection,
      indexLocation: toIndexLocation(raw),
      indexDirectory: raw.index.directory,
    };
  })
  .describe('Where content is stored: exactly one driver, and options of all drivers.');

function toDriver({
  filesystem,
  s3: bucket,
  s3aws,
  gcs: cloudStorage,
  azure: blobs,
  oss: alibaba,
  rados: pool,
}: RawStorage) {
  return filesystem ?? bucket ?? s3aws ?? alibaba ?? cloudStorage ?? blobs ?? pool ?? { kind: 'inmemory' as const };
}

/** Without Redis, `redis` has no effect. */
function toIndexLocation({ index: { location, directory }, inmemory }: RawStorage): 'redis' | 'local' {
  return location ?? (directory !== undefined || inmemory !== undefined ? 'local' : 'redis');
}
