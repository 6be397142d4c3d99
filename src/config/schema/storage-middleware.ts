import { z } from 'zod';
import { httpUrl } from './address.ts';
import { lateDefault, otherwise, withDefault } from './defaults.ts';
import { duration, timer } from './duration.ts';
import { bool } from './number.ts';
import { choice, file, name, text } from './text.ts';

/** Options of each, and the required ones. */
const MIDDLEWARE = {
  redirect: { options: ['baseurl'], required: ['baseurl'] },
  rewrite: { options: ['scheme', 'host', 'trimpathprefix'], required: [] },
  cloudfront: {
    options: [
      'baseurl',
      'privatekey',
      'keypairid',
      'duration',
      'ipfilteredby',
      'awsregion',
      'updatefrequency',
      'updatefrenquency',
      'iprangesurl',
    ],
    required: ['baseurl', 'privatekey', 'keypairid'],
  },
} as const;

const urlLifetime = lateDefault(duration('cloudfront: lifetime of a URL.'), '20m');
const rangesInterval = lateDefault(timer('cloudfront: time between two downloads of the IP ranges of AWS.'), '12h');
const rangesUrl = lateDefault(
  httpUrl('cloudfront: URL of the IP ranges of AWS.'),
  'https://ip-ranges.amazonaws.com/ip-ranges.json',
);

// Defaults apply after the checks, which only accept keys of the middleware.
const options = z.strictObject({
  baseurl: text('redirect, cloudfront: base URL of the blobs.').optional(),
  scheme: text('rewrite: scheme of the URL.').optional(),
  host: text('rewrite: host of the URL, with its port.').optional(),
  trimpathprefix: text('rewrite: removed from the start of the path.').optional(),
  privatekey: file('cloudfront: PEM file with the RSA key.').optional(),
  keypairid: text('cloudfront: id of its public key.').optional(),
  duration: urlLifetime.key,
  ipfilteredby: otherwise(
    choice('cloudfront: clients that are redirected to S3 instead: those at AWS, or in its regions of `awsregion`.', [
      'none',
      'aws',
      'awsregion',
    ]),
    '`none`',
  ),
  awsregion: text('cloudfront: regions for `ipfilteredby: awsregion`, separated by commas.').optional(),
  updatefrequency: rangesInterval.key,
  updatefrenquency: timer('Deprecated spelling of `updatefrequency`.').meta({ deprecated: true }).optional(),
  iprangesurl: rangesUrl.key,
});

const entry = z
  .strictObject({
    name: name('`redirect`, `rewrite` or `cloudfront`.'),
    disabled: withDefault(bool('Turn this entry off.'), 'false'),
    options: options.optional(),
  })
  .superRefine((middleware, ctx) => {
    for (const { path, message } of findMistakes(middleware)) ctx.addIssue({ code: 'custom', path, message });
  })
  .transform(toMiddleware);

interface RawEntry {
  readonly name: string;
  readonly disabled: boolean;
  readonly options?: RawOptions | undefined;
}
type RawOptions = z.output<typeof options>;

export const storageMiddleware = z
  .array(entry)
  .transform((entries) => entries.filter((middleware) => middleware !== undefined))
  .describe('Redirects of clients: each entry applies to the URL of the one before it.');

/** Undefined when it is disabled. */
function toMiddleware({ name: kind, disabled, options: given = {} }: RawEntry) {
  if (disabled) return undefined;
  const { baseurl = '', scheme, host, trimpathprefix, privatekey = '', keypairid = '' } = given;
  switch (kind) {
    case 'redirect':
      return { kind, baseUrl: baseurl } as const;
    case 'rewrite':
      return { kind, scheme, host, trimPathPrefix: trimpathprefix } as const;
    case 'cloudfront':
      return {
        kind,
        /** Ends with a slash. */
        baseUrl: withScheme(kind, baseurl).replace(/\/*$/, '/'),
        privateKeyFile: privatekey,
        keyPairId: keypairid,
        durationMs: given.duration ?? urlLifetime.value,
        /** Clients that are not redirected to CloudFront. Absent when all are. */
        awsRanges: toAwsRanges(given),
      } as const;
    default:
      return undefined;
  }
}

function toAwsRanges({ ipfilteredby = 'none', awsregion = '', ...ranges }: RawOptions) {
  if (ipfilteredby === 'none') return undefined;
  return {
    url: ranges.iprangesurl ?? rangesUrl.value,
    /** In lower case. Absent for all. */
    regions: ipfilteredby === 'awsregion' ? namesIn(awsregion).map((region) => region.toLowerCase()) : undefined,
    intervalMs: ranges.updatefrequency || ranges.updatefrenquency || rangesInterval.value,
  };
}

function findMistakes({ name: kind, options: given = {}, disabled }: RawEntry) {
  if (disabled) return [];
  if (!Object.hasOwn(MIDDLEWARE, kind)) return [{ path: ['name'], message: 'must be redirect, rewrite or cloudfront' }];
  const { options: known, required } = MIDDLEWARE[kind as keyof typeof MIDDLEWARE];
  const isKnown = (key: string) => (known as readonly string[]).includes(key);
  const missing = required.filter((key) => given[key] === undefined);
  const foreign = Object.keys(given).filter((key) => !isKnown(key));
  return [
    ...missing.map((key) => ({ path: ['options', key], message: 'is required' })),
    ...foreign.map((key) => ({ path: ['options', key], message: `is not an option of ${kind}` })),
    ...findWrongUrl(kind, given.baseurl),
    ...findMissingRegions(given),
  ];
}

function findWrongUrl(kind: string, baseurl: string | undefined) {
  if (baseurl === undefined || URL.canParse(withScheme(kind, baseurl))) return [];
  return [{ path: ['options', 'baseurl'], message: 'must be an http or https URL' }];
}

function findMissingRegions({ ipfilteredby, awsregion }: RawOptions) {
  if (ipfilteredby !== 'awsregion' || namesIn(awsregion ?? '').length > 0) return [];
  return [{ path: ['options', 'awsregion'], message: 'is required when ipfilteredby is awsregion' }];
}

/** Of a comma-separated list. */
function namesIn(list: string): string[] {
  return list
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
}

/** Like distribution: CloudFront's base URL may omit https. */
function withScheme(kind: string, baseurl: string): string {
  return kind === 'cloudfront' && !baseurl.includes('://') ? `https://${baseurl}` : baseurl;
}
