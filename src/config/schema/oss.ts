import { z } from 'zod';
import { otherwise, withDefault } from './defaults.ts';
import { bool, integer } from './number.ts';
import { s3 } from './s3.ts';
import { matching, name, secret, text } from './text.ts';

const MIB = 1024 * 1024;

const options = z.strictObject({
  accesskeyid: name('Access key.'),
  accesskeysecret: secret('Secret of the access key.'),
  bucket: name('Name of the bucket.'),
  region: matching('Region with its prefix, such as `oss-cn-hangzhou`.', {
    pattern: /^(?:oss-)?[a-z0-9]+(?:-[a-z0-9]+)*$/i,
    expected: 'must be a region such as oss-cn-hangzhou',
  }),
  endpoint: otherwise(
    matching('Host of the bucket, `<bucket>.oss-cn-x.aliyuncs.com`.', {
      pattern: /^[^\s/:@?#]+(?::\d{1,5})?$/,
      expected: 'must be a host such as bucket.oss-cn-hangzhou.aliyuncs.com',
      format: 'host',
    }),
    "the region's S3 endpoint",
  ),
  internal: withDefault(bool('Use the endpoint for virtual machines in the region.'), 'false'),
  secure: withDefault(bool('`false`: http.'), 'true'),
  encrypt: withDefault(bool('Server-side encryption: AES256, or KMS with an `encryptionkeyid`.'), 'false'),
  encryptionkeyid: text('KMS key.').optional(),
  chunksize: withDefault(integer('Part of an upload, in bytes.', { min: 5 * MIB }), String(10 * MIB)),
  rootdirectory: otherwise(text('Prefix of every key.'), 'none'),
});

type RawOss = z.output<typeof options>;

/** Alibaba Cloud's store has S3's API, for hosts with the bucket in them and requests without newer checksums. */
export const oss = options
  .refine(({ encrypt, encryptionkeyid }) => encrypt || encryptionkeyid === undefined, {
    path: ['encryptionkeyid'],
    message: 'has no effect without encrypt: true',
  })
  .transform((raw) =>
    s3.parse({
      bucket: raw.bucket,
      region: raw.region.replace(/^oss-/i, ''),
      regionendpoint: endpointOf(raw),
      accesskey: raw.accesskeyid,
      secretkey: raw.accesskeysecret,
      forcepathstyle: 'false',
      checksums: 'when_required',
      secure: String(raw.secure),
      encrypt: String(raw.encrypt),
      ...(raw.encrypt && { keyid: raw.encryptionkeyid }),
      chunksize: String(raw.chunksize),
      rootdirectory: raw.rootdirectory,
    }),
  )
  .describe('A bucket of Alibaba Cloud OSS, used by its S3 API; see [storage-oss.md](storage-oss.md).');

function endpointOf({ endpoint, bucket, region, internal }: RawOss): string {
  const prefix = `${bucket}.`;
  const isOfBucket = endpoint?.startsWith(prefix) && endpoint.length > prefix.length;
  if (endpoint !== undefined) return isOfBucket ? endpoint.slice(prefix.length) : endpoint;
  return `s3.oss-${region.replace(/^oss-/i, '')}${internal ? '-internal' : ''}.aliyuncs.com`;
}
