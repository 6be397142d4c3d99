import { z } from 'zod';
import { withDefault } from './defaults.ts';
import { ownTimer } from './duration.ts';
import { bool } from './number.ts';
import { laterFile, matching } from './text.ts';

export const check = z
  .strictObject({
    name: matching('Name of the check, for metrics and reports.', {
      pattern: /^[a-z0-9][a-z0-9._-]{0,63}$/,
      expected: 'must be a name such as site',
    }),
    lock: laterFile('A [lock](air-gap.md#the-lock), which is read at each check.'),
    every: withDefault(ownTimer('Between two checks.'), '1h'),
    referrers: withDefault(bool('Also signatures, SBOMs and other attachments.'), 'false'),
    ready: withDefault(bool('`/readyz` is 503 while an image is not complete.'), 'false'),
  })
  .transform(({ every, ready, ...entry }) => ({ ...entry, intervalMs: every, isRequired: ready }))
  .describe('Locks whose images must all be [in storage](air-gap.md#check).');
