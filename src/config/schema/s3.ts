import { z } from 'zod';
import { bool, choice, integer, matching, name, ownDuration, secret, text } from './scalar.ts';

const MIB = 1024 * 1024;
/** S3's limits for a part. */
const PART = { min: 5 * MIB, max: 2 ** 31 - 1 };

/** Instant retrieval only; NONE: the header is not sent. */
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
  'false', // what YAML 1.1 makes of off
] as const;

const endpoint = (description: string) =>
  matching(description, {
    pattern: /^(?:https?:\/\/)?[^\s/:@?#]+(?::\d{1,5})?(?:\/[^\s?#]*)?$/i,
    expected: 'must be a host such as minio.corp:9000, or an http or https URL without credentials, query and fragment',
  });

const options = z.strictObject({
  accesskey: text('Access key. Default: the default credential chain of the AWS SDK.').optional(),
  secretkey: secret('Secret key.').optional(),
  region: matching('Region of the bucket; required unless there is a regionendpoint.', {
    pattern: /^[a-z0-9]+(?:-[a-z0-9]+)*$/i,
    expected: 'must be a region such as eu-central-1',
  }).optional(),
  regionendpoint: endpoint('Where the store is, if it is not Amazon S3.').optional(),
  redirectendpoint: endpoint('Where clients are redirected to. Default: regionendpoint.').optional(),
  forcepathstyle: bool('The bucket in the path, not in the host name. Default: true with a regionendpoint.').optional(),
  bucket: name('Name of the bucket.'),
  encrypt: bool('Ask the store to encrypt. Default: false.').optional(),
  keyid: text('KMS key to encrypt with. Default: a key of the store.').optional(),
  secure: bool('Speak to a regionendpoint without a scheme by https. Default: true.').optional(),
  skipverify: bool("Do not verify the store's certificate. Default: false.").optional(),
  v4auth: bool('Signature version 4; there is no other. Default: true.').optional(),
  chunksize: integer('Bytes of a part of an upload. Default: 10 MiB.', PART).optional(),
  multipartcopychunksize: integer('Bytes of a part of a copy. Default: 32 MiB.', PART).optional(),
  multipartcopymaxconcurrency: integer('Parts of a copy at the same time. Default: 100.', { min: 1 }).optional(),
  multipartcopythresholdsize: integer('Copy larger objects in parts. Default: 32 MiB.', { min: 0 }).optional(),
  rootdirectory: text('What goes before every key. Default: nothing.').optional(),
  storageclass: choice(
    'Storage class of new objects; NONE: not sent. Default: that of the bucket.',
    STORAGE_CLASSES,
  ).optional(),
  useragent: text('Added to the User-Agent.').optional(),
  usedualstack: bool("Amazon's endpoints for IPv4 and IPv6. Default: false.").optional(),
  accelerate: bool("Amazon's transfer acceleration. Default: false.").optional(),
  usefipsendpoint: bool("Amazon's FIPS endpoints. Default: false.").optional(),
  objectacl: choice('Canned ACL of new objects. Default: private.', ACLS).optional(),
  loglevel: choice('Any but off: a line per request, at level debug. Default: off.', LOG_LEVELS).optional(),
  cacert: text("PEM file with CAs, in addition to the system's.").optional(),
  checksums: choice(
    'when_required: no checksums that older stores do not know. Default: that, with a regionendpoint.',
    ['when_required', 'when_supported'],
  ).optional(),
  abandonedafter: ownDuration('Remove multipart uploads that nobody finished for this long. Default: 24h.').optional(),
});

export type RawS3 = z.output<typeof options>;

export const s3 = options
  .superRefine((s3Options, ctx) => {
    for (const [key, message] of findMistakes(s3Options)) ctx.addIssue({ code: 'custom', path: [key], message });
  })
  .describe('A bucket of Amazon S3, or of a store that speaks its language, laid out as distribution does.');

function findMistakes(s3Options: RawS3): [keyof RawS3, string][] {
  const { region, regionendpoint, accesskey, secretkey, v4auth, accelerate, keyid, encrypt } = s3Options;
  const mistakes: [keyof RawS3, string | false][] = [
    ['region', region === undefined && regionendpoint === undefined && 'is required without a regionendpoint'],
    ['secretkey', accesskey !== undefined && secretkey === undefined && 'is required with an accesskey'],
    ['accesskey', secretkey !== undefined && accesskey === undefined && 'is required with a secretkey'],
    ['v4auth', v4auth === false && 'must be true: requests are signed by version 4 alone'],
    ['accelerate', accelerate === true && regionendpoint !== undefined && 'excludes a regionendpoint'],
    ['keyid', keyid !== undefined && encrypt !== true && 'has no effect without encrypt: true'],
  ];
  return mistakes.filter((mistake): mistake is [keyof RawS3, string] => mistake[1] !== false);
}
