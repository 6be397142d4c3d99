import { z } from 'zod';
import { parseOwnDurationMs, parseSizeBytes } from '../units.ts';
import { otherwise, withDefault } from './defaults.ts';
import { scalar } from './scalar.ts';
import { choice, path } from './text.ts';

const MIN_BYTES = 1024 * 1024;

/** 0 for `off`. Milliseconds. */
const keep = scalar('How long the [record of pulls](audit.md) is kept. `off`: pulls are not recorded.', {
  expected: 'must be a duration such as 12h or 30d, or off',
  json: { type: 'string' },
  format: 'duration, `off`',
  parse: (value) => {
    if (value === 'off') return 0;
    const ms = parseOwnDurationMs(value);
    return ms !== undefined && ms > 0 ? ms : undefined;
  },
});

const maxSize = scalar('Size of the record, at least 1MiB. The oldest pulls are removed first.', {
  reads: 'yaml',
  expected: 'must be a size of at least 1MiB, such as 64MiB',
  json: { type: ['string', 'integer'] } as unknown as z.core.JSONSchema.BaseSchema,
  format: 'size',
  parse: (value) => {
    const bytes = parseSizeBytes(value);
    return bytes !== undefined && bytes >= MIN_BYTES ? bytes : undefined;
  },
});

const addresses = choice(
  'Recorded part of the addresses of clients. `network`: the first 24 bits of IPv4, 48 of IPv6.',
  ['full', 'network', 'none'],
);

export const audit = z
  .strictObject({
    keep: withDefault(keep, '30d'),
    maxsize: withDefault(maxSize, '64MiB'),
    addresses: withDefault(addresses, 'full'),
    directory: otherwise(
      path('Local directory of the record, where it is not in Redis.'),
      '`pulls` in `storage.index.directory`, else `layover/pulls` in the storage directory; memory for drivers without one',
    ),
  })
  .transform((raw) =>
    raw.keep === 0
      ? undefined
      : { keepMs: raw.keep, maxBytes: raw.maxsize, addresses: raw.addresses, directory: raw.directory },
  )
  .describe('The record of who pulled what.');
