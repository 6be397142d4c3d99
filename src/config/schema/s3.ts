import { z } from 'zod';
import type { Immutable } from '../immutable.ts';
import { otherwise, withDefault } from './defaults.ts';
import { ownDuration } from './duration.ts';
import { bool, integer } from './number.ts';
import { choice, file, matching, name, secret, text } from './text.ts';

const MIB = 1024 * 1024;
/** S3's limits for a part. */
const PART = { min: 5 * MIB, max: 2 ** 31 - 1 };

/** Only those with instant retrieval. */
const STORAGE_CLASSES = [
  'none',
  'standard',
  'reduced_redundancy',
  'standard_ia',
  'onezone_ia',
  'intelligent_tiering',
  'outposts',
  'glacier_ir',
  'express_onezone',
] as const;

const ACLS = [
  'private',
  'public-read',
  'public-read-write',
  'authenticated-read',
  'aws-exec-read',
  'bucket-owner-read',
  'bucket-owner-full-control',
] as const;

const LOG_LEVELS = [
  'off',
  'debug',
  'debugwithsigning',
  'debugwithhttpbody',
  'debugwithrequestretries',
  'debugwithrequesterrors',
  'debugwitheventstreambody',
  'false', // `off` in YAML 1.1
] as const;

const endpoint = (description: string) =>
  matching(description, {
    pattern: /^(?:https?:\/\/)?[^\s/:@?#]+(?::\d{1,5})?(?:\/[^\s?#]*)?$/i,
    expected: 'must be a host such as minio.corp:9000, or an http or https URL without credentials, query and fragment',
    format: 'host or URL',
  });

const region = matching('Region of the bucket. Stores without regions accept any.', {
  pattern: /^[a-z0-9]+(?:-[a-z0-9]+)*$/i,
  expected: 'must be a region such as eu-central-1',
});

const options = z.strictObject({
  bucket: name('Name of the bucket.'),
  region: otherwise(region, 'required without `regionendpoint`'),
  regionendpoint: otherwise(endpoint('Address of the store. Without a scheme, `secure` decides.'), "Amazon's"),
  redirectendpoint: otherwise(endpoint('Address that clients are redirected to.'), '`regionendpoint`'),
  forcepathstyle: otherwise(
    bool('The bucket is part of the path, not of the host name.'),
    '`true` with a `regionendpoint`, else `false`',
  ),
  accesskey: otherwise(text('Access key.'), "the AWS SDK's default credential chain"),
  secretkey: secret('Secret key, with `accesskey`.').optional(),
  secure: withDefault(bool('`false`: http to a `regionendpoint` without a scheme. Amazon always uses HTTPS.'), 'true'),
  skipverify: withDefault(bool("Do not verify the store's certificate."), 'false'),
  cacert: file("PEM file with CAs, in addition to the public ones. A key of Layover's.", 'certificates').optional(),
  v4auth: withDefault(bool('Signature version 4; `false` is refused.'), 'true'),
  encrypt: withDefault(bool('Server-side encryption: AES256, or KMS with a `keyid`.'), 'false'),
  keyid: text('KMS key.').optional(),
  storageclass: otherwise(
    choice('Storage class of new objects. `none`: the header is not sent.', STORAGE_CLASSES),
    "the bucket's",
  ),
  objectacl: otherwise(
    choice(
      'Canned ACL of new objects. `private`: the header is not sent, as a bucket with ACLs disabled refuses it.',
      ACLS,
    ),
    '`private`',
  ),
  rootdirectory: otherwise(text('Prefix of every key.'), 'none'),
  chunksize: withDefault(
    integer('Part of an upload, in bytes; larger when there would be more than 10,000.', PART),
    String(10 * MIB),
  ),
  multipartcopychunksize: withDefault(integer('Part of a copy, in bytes.', PART), String(32 * MIB)),
  multipartcopymaxconcurrency: withDefault(integer('Parts of a copy in progress.', { min: 1 }), '100'),
  multipartcopythresholdsize: withDefault(
    integer('Larger objects are copied in parts, in bytes.', { min: 0 }),
    String(32 * MIB),
  ),
  uniformparts: otherwise(
    bool("All parts of an upload but the last have one size, as Cloudflare R2 requires. A key of Layover's."),
    '`true` for `*.r2.cloudflarestorage.com`, else `false`',
  ),
  useragent: text("Appended to the SDK's `User-Agent`.").optional(),
  usedualstack: withDefault(bool("Amazon's endpoints for IPv4 and IPv6."), 'false'),
  accelerate: withDefault(bool("Amazon's transfer acceleration."), 'false'),
  usefipsendpoint: withDefault(bool("Amazon's FIPS endpoints."), 'false'),
  loglevel: withDefault(
    choice('Any value but `off`: a line per request at level debug, without headers and bodies.', LOG_LEVELS),
    'off',
  ),
  checksums: otherwise(
    choice(
      "Checksums that are sent. Stores from before 2025 do not support those of `when_supported`. A key of Layover's.",
      ['when_required', 'when_supported'],
    ),
    '`when_required` with a `regionendpoint`, else `when_supported`',
  ),
  abandonedafter: withDefault(
    ownDuration(
      "Multipart uploads unfinished for this long are removed, at startup and every hour. A key of Layover's.",
    ),
    '24h',
  ),
});

type RawS3 = z.output<typeof options>;

export const s3 = options
  .superRefine((s3Options, ctx) => {
    for (const [key, message] of findMistakes(s3Options)) ctx.addIssue({ code: 'custom', path: [key], message });
  })
  .transform((raw) => ({
    kind: 's3' as const,
    bucket: raw.bucket,
    /** Absent when the SDK looks for it, such as in `AWS_REGION`. */
    region: raw.region,
    /** A URL. Absent for Amazon's. */
    endpoint: toUrl(raw.regionendpoint, raw),
    redirectEndpoint: toUrl(raw.redirectendpoint, raw),
    // Like version 2 of distribution: few stores but Amazon's have a host name per bucket.
    forcePathStyle: raw.forcepathstyle ?? hasEndpoint(raw),
    /** Absent for the SDK's default chain: environment, profiles, web identity, container and instance roles. */
    credentials:
      raw.accesskey && raw.secretkey ? { accessKeyId: raw.accesskey, secretAccessKey: raw.secretkey } : undefined,
    /** Server-side; with `keyId` by KMS. */
    encryption: raw.encrypt ? { keyId: raw.keyid } : undefined,
    tls: { insecure: raw.skipverify, caFile: raw.cacert },
    chunkBytes: raw.chunksize,
    copy: {
      chunkBytes: raw.multipartcopychunksize,
      maxConcurrent: raw.multipartcopymaxconcurrency,
      thresholdBytes: raw.multipartcopythresholdsize,
      uniformParts: raw.uniformparts ?? isR2(raw),
    },
    ...toObjectOptions(raw),
  }))
  .describe("A bucket of Amazon S3, or of another store with S3's API, in distribution's layout.");

function toObjectOptions(raw: RawS3) {
  return {
    rootDirectory: raw.rootdirectory ?? '',
    /** Absent when the header is not sent. */
    storageClass: raw.storageclass === 'none' ? undefined : raw.storageclass?.toUpperCase(),
    userAgent: raw.useragent,
    dualStack: raw.usedualstack,
    accelerate: raw.accelerate,
    fips: raw.usefipsendpoint,
    // Absent for private objects: that is S3's default, and a bucket with ACLs disabled may refuse the header.
    acl: raw.objectacl === 'private' ? undefined : raw.objectacl,
    /** A line per request, at level debug. */
    logRequests: raw.loglevel !== 'off' && raw.loglevel !== 'false',
    checksums: raw.checksums ?? (hasEndpoint(raw) ? ('when_required' as const) : ('when_supported' as const)),
    abandonedAfterMs: raw.abandonedafter,
  };
}

function hasEndpoint({ regionendpoint }: RawS3): boolean {
  return regionendpoint !== undefined;
}

function isR2({ regionendpoint = '' }: RawS3): boolean {
  return /\.r2\.cloudflarestorage\.com(?::\d+)?\/?$/i.test(regionendpoint);
}

function toUrl(address: string | undefined, { secure }: RawS3): string | undefined {
  if (!address || /^https?:\/\//i.test(address)) return address;
  return `${secure ? 'https' : 'http'}://${address}`;
}

function findMistakes(s3Options: RawS3): [keyof RawS3, string][] {
  const { regionendpoint, accesskey, secretkey, v4auth, accelerate, keyid, encrypt } = s3Options;
  const mistakes: [keyof RawS3, string | false][] = [
    [
      'region',
      s3Options.region === undefined && regionendpoint === undefined && 'is required without a regionendpoint',
    ],
    ['secretkey', accesskey !== undefined && secretkey === undefined && 'is required with an accesskey'],
    ['accesskey', secretkey !== undefined && accesskey === undefined && 'is required with a secretkey'],
    ['v4auth', !v4auth && 'must be true: requests are signed with version 4 only'],
    ['accelerate', accelerate && regionendpoint !== undefined && 'excludes a regionendpoint'],
    ['keyid', keyid !== undefined && !encrypt && 'has no effect without encrypt: true'],
  ];
  return mistakes.filter((mistake): mistake is [keyof RawS3, string] => mistake[1] !== false);
}

export type S3Config = Immutable<z.output<typeof s3>>;
