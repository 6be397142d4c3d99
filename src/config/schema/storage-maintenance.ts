import { z } from 'zod';
import { withDefault, withPositiveDefault } from './defaults.ts';
import { duration, ownDuration, ownTimer, timer } from './duration.ts';
import { bool } from './number.ts';
import { choice } from './text.ts';

const garbageCollection = z
  .strictObject({
    enabled: withDefault(
      bool('Collect garbage at every interval; see [garbage-collection.md](garbage-collection.md).'),
      'false',
    ),
    interval: withDefault(ownTimer('From the end of one collection to the start of the next.'), '24h'),
    grace: withDefault(ownDuration('Links younger than this stay, because their manifest may be in flight.'), '1h'),
    deleteuntagged: withDefault(bool('Untagged manifests are garbage.'), 'false'),
    referrers: withDefault(
      choice('Attachments of a manifest that stays. `delete`: they are garbage when no tag leads to them either.', [
        'keep',
        'delete',
      ]),
      'keep',
    ),
  })
  .transform((raw) => ({
    /** 0 when collections run by command only. */
    intervalMs: raw.enabled ? raw.interval : 0,
    graceMs: raw.grace,
    deleteUntagged: raw.deleteuntagged,
    keepReferrers: raw.referrers === 'keep',
  }))
  .describe('Remove unreferenced content while the registry serves.');

const uploadPurging = z
  .strictObject({
    enabled: withDefault(bool('Remove unfinished uploads, with all their bytes.'), 'true'),
    age: withDefault(duration('Minimum age of removed uploads.'), '168h'),
    interval: withPositiveDefault(timer('Time between two runs.'), '24h'),
    dryrun: withDefault(bool('Only log their number.'), 'false'),
  })
  .transform(({ enabled, age, interval, dryrun }) =>
    enabled ? { ageMs: age, intervalMs: interval, dryRun: dryrun } : undefined,
  )
  .describe('Removal of unfinished uploads.');

export const maintenance = z
  .strictObject({
    garbagecollection: garbageCollection.prefault({}),
    uploadpurging: uploadPurging.prefault({}),
    readonly: z
      .strictObject({ enabled: withDefault(bool('Clients can neither push nor delete.'), 'false') })
      .describe('Read-only mode.')
      .prefault({}),
  })
  .describe('Maintenance of the storage.');
