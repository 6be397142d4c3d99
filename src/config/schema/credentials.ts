import { z } from 'zod';
import type { Immutable } from '../immutable.ts';
import { otherwise } from './defaults.ts';
import { ownDuration } from './duration.ts';
import { bool } from './number.ts';
import { glob } from './pattern.ts';
import { file, matching, name, secret, text } from './text.ts';

const HOST = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$/;

/** A host name, with or without a port. */
export const host = (description: string) =>
  matching(description, {
    pattern: HOST,
    expected: 'must be a host name such as ghcr.io, in lower case',
    format: 'host',
  });

/** Of the output of a credential helper. */
export const LIFETIME = 'How long its credentials are used. `0`: it is called for every token.';

const entry = z.strictObject({
  username: text('User name.').optional(),
  password: secret('Password or access token.').optional(),
  file: file(
    'File with the password, or with `username:password` when there is no `username`; read again when it changes.',
  ).optional(),
  dockerconfig: file('A docker `config.json`, with its `auths`, `credHelpers` and `credsStore`.').optional(),
  exec: text(
    'A docker credential helper; called once, again after `lifetime`, and when the upstream refuses its credentials.',
  ).optional(),
  lifetime: otherwise(ownDuration(LIFETIME), 'until refused'),
  anonymous: bool('`true`: no credentials, a member of a pool with the limits of the address.').optional(),
  name: otherwise(name('In metrics and `layover budget`.'), 'the user name'),
  for: otherwise(
    z
      .array(glob('A glob.'))
      .describe("Globs over the upstream's names that only these credentials are used for, such as private ones."),
    'all names that no other credentials are for',
  ),
  groups: otherwise(
    z
      .array(name('A group.'))
      .min(1)
      .describe(
        'Groups of clients that these credentials pull for, with `private.access: groups`. No other client gets what they fetch, unless the repository is public.',
      ),
    'every client',
  ),
  realm: otherwise(
    z
      .preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(host('Host of a token server.')))
      .describe(
        "Hosts of token servers outside of the upstream's domain that may get them, with or without port; one or a list.",
      ),
    'none',
  ),
});
type Entry = z.output<typeof entry>;

const KINDS = ['password', 'file', 'dockerconfig', 'exec', 'anonymous'] as const;

export const credentials = entry
  .transform((raw, ctx): Credentials => {
    const message = findMistake(raw);
    const { realm, name: label, for: globs, groups } = raw;
    if (message === undefined)
      return {
        ...toSource(raw),
        ...(realm && { realms: realm }),
        ...(label !== undefined && { name: label }),
        ...(globs && { for: globs }),
        ...(groups && { groups }),
      };
    ctx.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .describe('One source of credentials: username and password, file, dockerconfig, exec, or anonymous.');

function findMistake(raw: Entry): string | undefined {
  const kinds = KINDS.filter((kind) => raw[kind] !== undefined);
  if (raw.anonymous === false) return 'must not have anonymous: false; leave the key out';
  if (raw.anonymous && raw.groups) return 'has groups and no credentials (remove one of anonymous and groups)';
  if (kinds.length !== 1) return 'must have one of username and password, file, dockerconfig, exec, or anonymous';
  if (raw.password !== undefined && raw.username === undefined) return 'has a password and no username';
  if (raw.username !== undefined && (raw.dockerconfig ?? raw.exec ?? raw.anonymous) !== undefined) {
    return `cannot have a username with ${kinds.join()}, which provides ${raw.anonymous ? 'none' : 'one'}`;
  }
  return raw.lifetime !== undefined && raw.exec === undefined ? 'has a lifetime, which only exec can have' : undefined;
}

function toSource({ username, password, file: path, dockerconfig, exec, lifetime, anonymous }: Entry): Source {
  if (anonymous) return { kind: 'anonymous' };
  if (exec !== undefined) return { kind: 'exec', command: exec, lifetimeMs: lifetime };
  if (dockerconfig !== undefined) return { kind: 'dockerconfig', path: dockerconfig };
  if (path !== undefined) return { kind: 'file', username, path };
  return { kind: 'static', username: username ?? '', password: password ?? '' };
}

type Source =
  /** No credentials. */
  | { kind: 'anonymous' }
  | { kind: 'static'; username: string; password: string }
  /** The file contains the password, or `username:password` when `username` is absent. */
  | { kind: 'file'; username: string | undefined; path: string }
  | { kind: 'dockerconfig'; path: string }
  /** `lifetimeMs`: absent when the helper is called once; 0: for every token. */
  | { kind: 'exec'; command: string; lifetimeMs: number | undefined };

export type Credentials = Source & {
  /** Token servers outside of the upstream's domain, with or without a port, that may get them. @default none */
  realms?: string[];
  /** In metrics. Absent: the user name. */
  name?: string;
  /** Globs over the only names that they are for. */
  for?: string[];
  /** Groups of the only clients that they are for. */
  groups?: string[];
};

export type CredentialsConfig = Immutable<Credentials>;
