import { z } from 'zod';
import { findAdmissionMistakes } from './admission-mistakes.ts';
import { otherwise, withDefault } from './defaults.ts';
import { ownDuration } from './duration.ts';
import { glob } from './pattern.ts';
import { choice, file, name } from './text.ts';

const mode = (description: string) => choice(description, ['enforce', 'audit']);

const authority = z
  .strictObject({
    name: name('Its name in rules, messages and metrics.'),
    keys: otherwise(
      z
        .array(file('A public key.', 'a public key'))
        .describe('Public keys in PEM: EC P-256, P-384, P-521, RSA of 2048 bits or more, Ed25519.'),
      'none',
    ),
  })
  .transform(({ keys = [], ...rest }) => ({ ...rest, keys }))
  .describe('Whose signatures are accepted.');

const names = (description: string) => z.array(name('The name of an authority.')).describe(description);

const rule = z
  .strictObject({
    name: otherwise(name('Its name in messages, headers and metrics.'), 'its number, from 1'),
    images: z
      .array(glob('A glob.'))
      .min(1)
      .describe('Globs over stored names, such as `docker.io/library/*`. The first rule that matches a name decides.'),
    mode: otherwise(mode('As for all rules.'), '`policy.admission.mode`'),
    static: otherwise(choice('Decides without a look at the image.', ['allow', 'deny']), 'the other keys decide'),
    signedby: otherwise(names('Authorities that must have signed the image.'), 'no signature is needed'),
    require: withDefault(choice('How many of `signedby` must have signed it.', ['all', 'any']), 'all'),
  })
  .transform(({ signedby = [], images, ...rest }) => ({ ...rest, images, signedBy: signedby }))
  .describe('What images of some names need.');

export const admission = z
  .strictObject({
    mode: withDefault(
      mode('`enforce`: content that a rule does not admit is refused. `audit`: it is served, counted and logged.'),
      'enforce',
    ),
    wait: withDefault(ownDuration('How long a client waits for a decision; then it gets a 503.'), '10s'),
    onerror: withDefault(
      choice('Content for which there is no decision, as signatures could not be fetched.', ['refuse', 'allow']),
      'refuse',
    ),
    authorities: otherwise(z.array(authority).describe('Whose signatures are accepted.'), 'none'),
    rules: otherwise(z.array(rule).describe('In order; the first one for a name decides.'), 'none'),
  })
  .superRefine((raw, ctx) => {
    for (const { path, message } of findAdmissionMistakes(raw)) ctx.addIssue({ code: 'custom', path, message });
  })
  .transform(({ wait, onerror, authorities = [], rules = [], ...rest }) => ({
    ...rest,
    waitMs: wait,
    onError: onerror,
    authorities,
    rules: rules.map((each, i) => ({ ...each, name: each.name ?? String(i + 1), mode: each.mode ?? rest.mode })),
  }))
  .describe('Which content of upstreams [clients get](policy.md#admission). Absent: all of it.');
