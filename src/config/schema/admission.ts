import { z } from 'zod';
import { findAdmissionMistakes } from './admission-mistakes.ts';
import { otherwise, withDefault } from './defaults.ts';
import { ownDuration } from './duration.ts';
import { bool } from './number.ts';
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
    trustedroot: file(
      'The roots for certificates: `trusted_root.json`, as `cosign trusted-root create` writes it. It is used offline.',
      'a trusted root',
    ).optional(),
    identities: otherwise(
      z
        .array(
          z.strictObject({
            issuer: name('The issuer of the identity, compared as a whole.'),
            subject: glob('The subject of the certificate, as a whole; `*` matches within a segment.'),
          }),
        )
        .describe('Whose certificates are accepted.'),
      'none',
    ),
  })
  .transform(({ keys = [], trustedroot, identities = [], ...rest }) => ({
    ...rest,
    keys,
    trustedRoot: trustedroot,
    identities,
  }))
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
    minage: otherwise(
      ownDuration('For how long a tag must have named a digest [before it is served](policy.md#minimum-age).'),
      'no age is needed',
    ),
    unknown: withDefault(
      choice('Whether the first digest that the cache has seen a tag name counts as old enough.', ['wait', 'allow']),
      'wait',
    ),
    onnone: withDefault(
      choice('While no digest of a tag is old enough: `allow` serves the one that it has named first.', [
        'refuse',
        'allow',
      ]),
      'refuse',
    ),
    digests: withDefault(choice('Pulls by digest: `wait` needs the age for them, too.', ['allow', 'wait']), 'allow'),
    exempt: otherwise(
      z
        .array(glob('A glob.'))
        .describe('Globs over stored names with a tag, such as `docker.io/acme/app:nightly*`, that need no age.'),
      'none',
    ),
    unless: otherwise(
      z.strictObject({ signedby: names('Images that one of them has signed need no age.') }),
      'all need the age',
    ),
    prefetch: withDefault(bool('Fetch a new image when its tag is requested, before it is old enough.'), 'false'),
  })
  .transform(({ name: own, images, mode: ownMode, static: fixed, signedby = [], require, minage, ...more }) => {
    const { unknown, onnone: onNone, digests, exempt = [], unless, prefetch } = more;
    const age = { unknown, onNone, digests, exempt, unlessSignedBy: unless?.signedby ?? [], prefetch };
    const aged = minage === undefined ? undefined : { minAgeMs: minage, ...age };
    return { name: own, images, mode: ownMode, static: fixed, signedBy: signedby, require, age: aged };
  })
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
