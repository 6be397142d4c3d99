import { z } from 'zod';
import { s3 } from './s3.ts';
import {
  bool,
  choice,
  duration,
  fraction,
  glob,
  integer,
  name,
  ownDuration,
  ownTimer,
  size,
  text,
  timer,
} from './scalar.ts';

/** Drivers this version has. */
export const SUPPORTED_DRIVERS = ['filesystem', 'inmemory', 's3', 's3aws'] as const;

/** {@link SUPPORTED_DRIVERS} for people; s3aws is s3. */
export const DRIVERS_IN_WORDS = 'filesystem, inmemory and s3';

/** Drivers distribution has, or had, and this version has not. */
export const UNSUPPORTED_DRIVERS = ['gcs', 'azure', 'oss', 'swift'] as const;

const driverOptions = (driver: string) =>
  z.record(z.string(), z.unknown()).describe(`Options of the ${driver} driver.`);

const drivers = {
  filesystem: z
    .strictObject({
      rootdirectory: text('Directory that holds everything. Default: /var/lib/registry.').optional(),
      maxthreads: integer('Operations at the same time.').optional(),
      useragent: text('Not used by this driver.').optional(),
    })
    .describe('Files in a directory, laid out as distribution does.')
    .optional(),
  inmemory: driverOptions('inmemory').describe('Everything is lost on exit; for trying things out.').optional(),
  s3: s3.optional(),
  s3aws: s3.optional(),
  gcs: driverOptions('gcs').optional(),
  azure: driverOptions('azure').optional(),
  oss: driverOptions('oss').optional(),
  swift: driverOptions('swift').optional(),
};

const cache = z.strictObject({
  blobdescriptor: text('inmemory or redis.').optional(),
  layerinfo: text('Deprecated: blobdescriptor.').optional(),
  blobdescriptorsize: integer('Descriptors kept in memory.').optional(),
});

const garbageCollection = z
  .strictObject({
    enabled: bool('Collect from time to time. Default: false; the command works all the same.').optional(),
    interval: ownTimer('From the end of one to the start of the next. Default: 24h.').optional(),
    grace: ownDuration('Links younger than this stay, as their manifest may be on its way. Default: 1h.').optional(),
    deleteuntagged: bool('Manifests that no tag leads to are garbage. Default: false.').optional(),
    referrers: choice('What is attached to a manifest that stays. Default: keep.', ['keep', 'delete']).optional(),
  })
  .describe('Remove what nobody needs, while everything goes on.');

const maintenance = z.strictObject({
  garbagecollection: garbageCollection.optional(),
  uploadpurging: z
    .strictObject({
      enabled: bool('Remove uploads that nobody finished. Default: true.').optional(),
      age: duration('How old they have to be. Default: 168h.').optional(),
      interval: timer('How often to look. Default: 24h.').optional(),
      dryrun: bool('Only log how many there are. Default: false.').optional(),
    })
    .describe('What becomes of uploads that nobody finished.')
    .optional(),
  readonly: z
    .strictObject({ enabled: bool('Refuse every write by clients. Default: false.').optional() })
    .describe('Read-only mode.')
    .optional(),
});

const quota = z.strictObject({
  size: size('Evict the least recently used content above this size: 200GiB.').optional(),
  low: fraction('Evict down to this share of the size. Default: 0.8.').optional(),
  high: fraction('Evict when more than this share of the size is used. Default: 1.').optional(),
  pins: z
    .array(glob('A name with * and **, and optionally a tag.'))
    .describe('Neither evicted nor expired.')
    .optional(),
});

const scrub = z
  .strictObject({
    enabled: bool(
      'Read all that is stored from time to time, and put aside what is damaged. Default: false.',
    ).optional(),
    interval: ownDuration('From the end of one to the start of the next. Default: 168h.').optional(),
    rate: size('Bytes per second. Default: 50MB.').optional(),
  })
  .describe('Look for damage before a client does.');

const index = z
  .strictObject({
    location: choice('redis: one for all processes that share it. Default: redis where that is configured.', [
      'redis',
      'local',
    ]).optional(),
    directory: text(
      'A local directory. Default: layover/index in the storage directory; else it is kept in memory.',
    ).optional(),
  })
  .describe('What was used when.');

const tier = z
  .strictObject({
    size: size('Bytes that the copies may take. Default: 10GiB.').optional(),
    directory: name('Where they lie; of one process alone.'),
  })
  .describe('Copies of hot blobs on a local disk, for storage that is far away.');

export const storage = z
  .strictObject({
    ...drivers,
    tag: z.strictObject({ concurrencylimit: integer('Tag links read at the same time.').optional() }).optional(),
    delete: z
      .strictObject({ enabled: bool('Clients can delete what was pushed. Default: false.').optional() })
      .optional(),
    redirect: z.strictObject({ disable: bool('Never redirect clients to the storage.').optional() }).optional(),
    cache: cache.optional(),
    maintenance: maintenance.optional(),
    quota: quota.describe('How much may be stored.').optional(),
    scrub: scrub.optional(),
    index: index.optional(),
    tier: tier.optional(),
  })
  .describe('Where content is kept: exactly one driver, and what applies to all of them.');
