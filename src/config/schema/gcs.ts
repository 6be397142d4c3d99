import { z } from 'zod';
import { otherwise, withDefault } from './defaults.ts';
import { bool, integer } from './number.ts';
import { file, matching, text } from './text.ts';

const KIB = 1024;
/** Cloud Storage accepts chunks of multiples of this only. */
const CHUNK_UNIT = 256 * KIB;

const TYPES = ['service_account', 'authorized_user'];

/** As in the files that Google's tools write. */
const credentials = z.record(z.string(), text('A field, such as `client_email` or `private_key`.'));

const options = z.strictObject({
  bucket: matching('Name of the bucket.', {
    pattern: /^[a-z0-9](?:[a-z0-9._-]{0,220}[a-z0-9])?$/,
    expected: 'must be the name of a bucket, without gs:// and a path, such as my-registry',
  }),
  keyfile: file('JSON file with the key of a service account.', 'Google credentials').optional(),
  credentials: otherwise(
    credentials.describe('The fields of such a file: `type`, `client_email`, `private_key` and others.'),
    "Google's default credentials: `GOOGLE_APPLICATION_CREDENTIALS`, or the metadata server",
  ),
  rootdirectory: otherwise(text('Prefix of every name.'), 'none'),
  chunksize: withDefault(
    integer('Chunk of an upload, in bytes; a multiple of 262144.', { min: CHUNK_UNIT }),
    String(16 * KIB * KIB),
  ),
  maxconcurrency: integer('Requests in progress.').optional(),
  useragent: text('`User-Agent` of requests.').optional(),
  endpoint: otherwise(
    matching("URL of the service, for test servers and private endpoints. A key of Layover's.", {
      pattern: /^https?:\/\/[^\s/@?#]+\/?$/i,
      expected: 'must be an http or https URL without a path, such as http://127.0.0.1:4443',
      format: 'URL',
    }),
    "Google's",
  ),
  anonymous: withDefault(bool("Send no credentials, as test servers need none. A key of Layover's."), 'false'),
});

type RawGcs = z.output<typeof options>;

export const gcs = options
  .superRefine((raw, ctx) => {
    for (const [key, message] of findMistakes(raw)) ctx.addIssue({ code: 'custom', path: [key], message });
  })
  .transform((raw) => ({
    kind: 'gcs' as const,
    bucket: raw.bucket,
    credentials: toCredentials(raw),
    /** A URL. Absent for Google's. */
    endpoint: raw.endpoint,
    rootDirectory: raw.rootdirectory ?? '',
    chunkBytes: raw.chunksize,
    userAgent: raw.useragent,
  }))
  .describe("A bucket of Google Cloud Storage, in distribution's layout.");

function toCredentials({ keyfile, credentials: fields, anonymous }: RawGcs) {
  if (anonymous) return { kind: 'anonymous' as const };
  if (keyfile !== undefined) return { kind: 'file' as const, path: keyfile };
  if (fields !== undefined) return { kind: 'inline' as const, fields };
  return { kind: 'default' as const };
}

function findMistakes({ keyfile, credentials: fields, chunksize, anonymous }: RawGcs): [keyof RawGcs, string][] {
  const mistakes: [keyof RawGcs, string | false][] = [
    ['credentials', fields !== undefined && keyfile !== undefined && 'excludes keyfile (remove one of them)'],
    [
      'credentials',
      fields !== undefined &&
        !TYPES.includes(fields['type'] ?? '') &&
        'must have the type service_account or authorized_user',
    ],
    ['anonymous', anonymous && (fields ?? keyfile) !== undefined && 'excludes keyfile and credentials'],
    ['chunksize', chunksize % CHUNK_UNIT !== 0 && `must be a multiple of ${CHUNK_UNIT}`],
  ];
  return mistakes.filter((mistake): mistake is [keyof RawGcs, string] => mistake[1] !== false);
}
