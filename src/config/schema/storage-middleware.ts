import { z } from 'zod';
import { bool, choice, duration, httpUrl, name, text, timer } from './scalar.ts';

/** Options of each, and which of them it cannot do without. */
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

const options = z.strictObject({
  baseurl: text('redirect, cloudfront: what goes before the path.').optional(),
  scheme: text('rewrite: scheme of the URL.').optional(),
  host: text('rewrite: host of the URL, with its port.').optional(),
  trimpathprefix: text('rewrite: taken from the beginning of the path.').optional(),
  privatekey: text('cloudfront: PEM file with the RSA key.').optional(),
  keypairid: text('cloudfront: id of its public key.').optional(),
  duration: duration('cloudfront: how long a URL is good. Default: 20m.').optional(),
  ipfilteredby: choice(
    'cloudfront: clients that are sent to S3 instead: those at AWS, or in its regions of awsregion. Default: none.',
    ['none', 'aws', 'awsregion'],
  ).optional(),
  awsregion: text('cloudfront: regions of ipfilteredby awsregion, with commas between.').optional(),
  updatefrequency: timer('cloudfront: how often the ranges of ipfilteredby are read. Default: 12h.').optional(),
  updatefrenquency: timer('cloudfront: an older spelling of updatefrequency.').optional(),
  iprangesurl: httpUrl(
    'cloudfront: where the ranges of ipfilteredby are. Default: where AWS publishes them.',
  ).optional(),
});

const entry = z
  .strictObject({
    name: name('redirect, rewrite or cloudfront.'),
    disabled: bool('Switch it off. Default: false.').optional(),
    options: options.optional(),
  })
  .superRefine((middleware, ctx) => {
    for (const { path, message } of findMistakes(middleware)) ctx.addIssue({ code: 'custom', path, message });
  });

export type RawStorageMiddleware = z.output<typeof entry>;

export const storageMiddleware = z
  .array(entry)
  .describe('Where clients are redirected to: each entry works on what the one before it made.');

function findMistakes({ name: kind, options: given = {}, disabled }: RawStorageMiddleware) {
  if (disabled === true) return [];
  if (!Object.hasOwn(MIDDLEWARE, kind)) return [{ path: ['name'], message: 'must be redirect, rewrite or cloudfront' }];
  const { options: known, required } = MIDDLEWARE[kind as keyof typeof MIDDLEWARE];
  const isKnown = (key: string) => (known as readonly string[]).includes(key);
  const missing = required.filter((key) => given[key] === undefined);
  const foreign = Object.keys(given).filter((key) => !isKnown(key));
  return [
    ...missing.map((key) => ({ path: ['options', key], message: 'is required' })),
    ...foreign.map((key) => ({ path: ['options', key], message: `is no option of ${kind}` })),
    ...findWrongUrl(kind, given.baseurl),
    ...findMissingRegions(given),
  ];
}

function findWrongUrl(kind: string, baseurl: string | undefined) {
  if (baseurl === undefined || URL.canParse(withScheme(kind, baseurl))) return [];
  return [{ path: ['options', 'baseurl'], message: 'must be an http or https URL' }];
}

function findMissingRegions({ ipfilteredby, awsregion }: NonNullable<RawStorageMiddleware['options']>) {
  if (ipfilteredby !== 'awsregion' || namesIn(awsregion ?? '').length > 0) return [];
  return [{ path: ['options', 'awsregion'], message: 'is required when ipfilteredby is awsregion' }];
}

/** Of a list with commas. */
export function namesIn(list: string): string[] {
  return list
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
}

/** As distribution: CloudFront's is https unless it says otherwise. */
export function withScheme(kind: string, baseurl: string): string {
  return kind === 'cloudfront' && !baseurl.includes('://') ? `https://${baseurl}` : baseurl;
}
