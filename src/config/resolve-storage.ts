import type {
  AwsRangesConfig,
  S3Config,
  StorageConfig,
  StorageDriverConfig,
  StorageMiddlewareConfig,
} from './config.ts';
import type { RawS3 } from './schema/s3.ts';
import type { RawConfig } from './schema/schema.ts';
import { namesIn, type RawStorageMiddleware, withScheme } from './schema/storage-middleware.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** As distribution: where content lies when the filesystem driver names no directory. */
const ROOT_DIRECTORY = '/var/lib/registry';

/** Where AWS publishes its networks; distribution's default too. */
const AWS_RANGES_URL = 'https://ip-ranges.amazonaws.com/ip-ranges.json';

type RawStorage = RawConfig['storage'];

export function resolveStorage(storage: RawStorage, middleware: RawConfig['middleware']): StorageConfig {
  const { maintenance, tier } = storage;
  const driver = resolveDriver(storage);
  const wrappers = (middleware?.storage ?? []).flatMap(resolveMiddleware);
  const canRedirect = driver.kind === 's3' || wrappers.some(({ kind }) => kind === 'redirect');
  // Who keeps copies at hand means them to be used.
  const isDisabled = storage.redirect?.disable ?? tier !== undefined;
  return {
    driver,
    readOnly: maintenance?.readonly?.enabled ?? false,
    redirect: canRedirect && !isDisabled,
    tier: tier && { maxBytes: tier.size ?? 10 * GIB, directory: tier.directory },
    middleware: wrappers,
    quota: resolveQuota(storage.quota ?? {}),
    pins: storage.quota?.pins ?? [],
    scrub: {
      enabled: storage.scrub?.enabled ?? false,
      intervalMs: storage.scrub?.interval ?? 168 * HOUR,
      rate: storage.scrub?.rate || 50_000_000,
    },
    uploadPurging: resolvePurging(maintenance?.uploadpurging ?? {}),
    garbageCollection: resolveCollection(maintenance?.garbagecollection ?? {}),
    indexLocation: resolveIndexLocation(storage),
    indexDirectory: storage.index?.directory,
  };
}

function resolvePurging({
  enabled,
  age,
  interval,
  dryrun,
}: NonNullable<NonNullable<RawStorage['maintenance']>['uploadpurging']>): StorageConfig['uploadPurging'] {
  if (enabled === false) return undefined;
  return { ageMs: age ?? 168 * HOUR, intervalMs: interval || 24 * HOUR, dryRun: dryrun ?? false };
}

function resolveCollection(
  raw: NonNullable<NonNullable<RawStorage['maintenance']>['garbagecollection']>,
): StorageConfig['garbageCollection'] {
  return {
    intervalMs: raw.enabled ? (raw.interval ?? 24 * HOUR) : 0,
    graceMs: raw.grace ?? HOUR,
    deleteUntagged: raw.deleteuntagged ?? false,
    keepReferrers: raw.referrers !== 'delete',
  };
}

/** Where there is no Redis, `redis` means nothing. */
function resolveIndexLocation({ index, inmemory }: RawStorage): StorageConfig['indexLocation'] {
  return index?.location ?? (index?.directory !== undefined || inmemory !== undefined ? 'local' : 'redis');
}

function resolveQuota({ size, low, high }: NonNullable<RawStorage['quota']>): StorageConfig['quota'] {
  if (size === undefined) return undefined;
  const most = high ?? 1;
  return { size, low: Math.min(low ?? 0.8, most), high: most };
}

function resolveDriver({ filesystem, s3, s3aws }: RawStorage): StorageDriverConfig {
  if (filesystem) return { kind: 'filesystem', rootDirectory: filesystem.rootdirectory ?? ROOT_DIRECTORY };
  const options = s3 ?? s3aws;
  return options ? resolveS3(options) : { kind: 'inmemory' };
}

function resolveS3(raw: RawS3): S3Config {
  const hasEndpoint = raw.regionendpoint !== undefined;
  const endpointUrl = (text: string | undefined) => text && toUrl(text, raw.secure ?? true);
  return {
    kind: 's3',
    bucket: raw.bucket,
    region: raw.region,
    endpoint: endpointUrl(raw.regionendpoint),
    redirectEndpoint: endpointUrl(raw.redirectendpoint),
    // Version 2 of distribution does so, and hardly a store by another name than Amazon's has a host name per bucket.
    forcePathStyle: raw.forcepathstyle ?? hasEndpoint,
    credentials:
      raw.accesskey && raw.secretkey ? { accessKeyId: raw.accesskey, secretAccessKey: raw.secretkey } : undefined,
    encryption: raw.encrypt ? { keyId: raw.keyid } : undefined,
    tls: { insecure: raw.skipverify ?? false, caFile: raw.cacert },
    ...resolveSizes(raw),
    rootDirectory: raw.rootdirectory ?? '',
    storageClass: raw.storageclass === 'none' ? undefined : raw.storageclass?.toUpperCase(),
    userAgent: raw.useragent,
    dualStack: raw.usedualstack ?? false,
    accelerate: raw.accelerate ?? false,
    fips: raw.usefipsendpoint ?? false,
    // What objects are without the header, which a bucket that has ACLs switched off may refuse.
    acl: raw.objectacl === 'private' ? undefined : raw.objectacl,
    logRequests: raw.loglevel !== undefined && raw.loglevel !== 'off' && raw.loglevel !== 'false',
    checksums: raw.checksums ?? (hasEndpoint ? 'when_required' : 'when_supported'),
    abandonedAfterMs: raw.abandonedafter ?? 24 * HOUR,
  };
}

function resolveSizes(raw: RawS3): Pick<S3Config, 'chunkBytes' | 'copy'> {
  return {
    chunkBytes: raw.chunksize ?? 10 * MIB,
    copy: {
      chunkBytes: raw.multipartcopychunksize ?? 32 * MIB,
      maxConcurrent: raw.multipartcopymaxconcurrency ?? 100,
      thresholdBytes: raw.multipartcopythresholdsize ?? 32 * MIB,
    },
  };
}

function toUrl(endpoint: string, secure: boolean): string {
  if (/^https?:\/\//i.test(endpoint)) return endpoint;
  return `${secure ? 'https' : 'http'}://${endpoint}`;
}

function resolveMiddleware({ name, disabled, options = {} }: RawStorageMiddleware): StorageMiddlewareConfig[] {
  if (disabled === true) return [];
  const { baseurl = '', scheme, host, trimpathprefix, privatekey = '', keypairid = '', duration } = options;
  switch (name) {
    case 'redirect':
      return [{ kind: name, baseUrl: baseurl }];
    case 'rewrite':
      return [{ kind: name, scheme, host, trimPathPrefix: trimpathprefix }];
    case 'cloudfront': {
      const baseUrl = withScheme(name, baseurl).replace(/\/*$/, '/');
      const durationMs = duration ?? 20 * MINUTE;
      const awsRanges = resolveAwsRanges(options);
      return [{ kind: name, baseUrl, privateKeyFile: privatekey, keyPairId: keypairid, durationMs, awsRanges }];
    }
    default:
      return [];
  }
}

function resolveAwsRanges({
  ipfilteredby = 'none',
  awsregion = '',
  iprangesurl,
  updatefrequency,
  updatefrenquency,
}: NonNullable<RawStorageMiddleware['options']>): AwsRangesConfig | undefined {
  if (ipfilteredby === 'none') return undefined;
  return {
    url: iprangesurl ?? AWS_RANGES_URL,
    regions: ipfilteredby === 'awsregion' ? namesIn(awsregion).map((region) => region.toLowerCase()) : undefined,
    intervalMs: updatefrequency || updatefrenquency || 12 * HOUR,
  };
}
