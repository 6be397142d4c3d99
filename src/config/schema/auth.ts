import { z } from 'zod';
import type { Immutable } from '../immutable.ts';
import { htpasswd, issuer, mtls, silly, token } from './auth-methods.ts';
import { anonymous, OPEN_RULE, rule } from './auth-policy.ts';
import { lateDefault, otherwise } from './defaults.ts';
import { integer } from './number.ts';
import { file, name } from './text.ts';

const maxFailures = lateDefault(
  integer(
    'Wrong passwords for one user from one address in a minute; an address as a whole has ten times as many. `0`: any number.',
    { min: 0 },
  ),
  '30',
);

const keys = z.strictObject({
  none: z.record(z.string(), z.unknown()).describe('No authentication.').optional(),
  htpasswd: htpasswd.optional(),
  token: token.optional(),
  mtls: mtls.optional(),
  silly: silly.optional(),
  issuer: issuer.optional(),
  anonymous: anonymous.optional(),
  policy: otherwise(
    z.array(rule).describe('Rules. With them, nothing else is allowed.'),
    'authenticated clients may do everything',
  ),
  groups: z
    .record(z.string(), z.array(name('A user.')))
    .describe('Members by group.')
    .optional(),
  groupfile: file(
    'File with a group and its members on each line (`team: alice bob`); read again when it changes.',
  ).optional(),
  maxfailures: maxFailures.key,
});

/** Undefined when everyone may do everything. */
function toAuth(raw: z.output<typeof keys>) {
  if (raw.none !== undefined || Object.keys(raw).length === 0) return undefined;
  return {
    htpasswd: raw.htpasswd,
    silly: raw.silly,
    token: raw.token,
    mtls: raw.mtls,
    issuer: raw.issuer,
    /** `/v2/` responds to anonymous clients too. */
    openPing: raw.anonymous?.isPingOpen ?? false,
    /** In order; never empty. */
    policy: [...(raw.policy ?? [OPEN_RULE]), ...(raw.anonymous ? [raw.anonymous.rule] : [])],
    /** With `auth.policy`. */
    isRestricted: raw.policy !== undefined,
    groups: raw.groups ?? {},
    groupFile: raw.groupfile,
    maxFailures: raw.maxfailures ?? maxFailures.value,
  };
}

export const auth = keys
  .transform(toAuth)
  .describe('Who is calling, and who may do what. Several methods may be on at the same time.');

export type AuthConfig = NonNullable<Immutable<z.output<typeof auth>>>;
export type HtpasswdConfig = NonNullable<AuthConfig['htpasswd']>;
export type TokenConfig = NonNullable<AuthConfig['token']>;
export type MtlsConfig = NonNullable<AuthConfig['mtls']>;
export type IssuerConfig = NonNullable<AuthConfig['issuer']>;
