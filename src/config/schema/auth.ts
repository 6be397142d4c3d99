import { z } from 'zod';
import type { PolicyAction, PolicyRuleConfig } from '../config.ts';
import { bool, choice, glob, httpUrl, integer, matching, name, ownDuration, ownTimer } from './scalar.ts';

/** Of distribution. */
const ALGORITHMS = /^(?:EdDSA|(?:HS|RS|ES|PS)(?:256|384|512))$/;

const algorithm = matching('A signing algorithm.', {
  pattern: ALGORITHMS,
  expected: 'must be EdDSA, or HS, RS, ES or PS with 256, 384 or 512',
});

const realm = name('What clients are told to log in to.');

const silly = z
  .strictObject({ realm, service: name('Name of this service.') })
  .describe('For development: whoever sends any Authorization header is let in.');

const htpasswd = z
  .strictObject({ realm, path: name('File with a user and a bcrypt hash on each line; read again when it changes.') })
  .describe('Users of a file, by name and password.');

const token = z
  .strictObject({
    realm: name('URL of the token server.'),
    service: name('Name of this service, as tokens have it.'),
    issuer: name('Name of the token server, as tokens have it.'),
    rootcertbundle: name('PEM file with certificates that tokens may be signed under.').optional(),
    jwks: name('File with a JSON web key set.').optional(),
    jwksurl: httpUrl('Where the token server publishes its JSON web key set.').optional(),
    signingalgorithms: z.array(algorithm).describe('Default: all that are known.').optional(),
    autoredirect: bool('The token server is on the host that the client asked. Default: false.').optional(),
    autoredirectpath: matching('Its path there. Default: /auth/token.', {
      pattern: /^\/\S*$/,
      expected: 'must start with /',
    }).optional(),
    groupsclaim: name('Claim with the groups of the user. Default: groups.').optional(),
  })
  .describe('Bearer tokens of a token server.');

const mtls = z
  .strictObject({
    name: choice('The common name, or the first alternative name. Default: cn.', ['cn', 'san']).optional(),
    groups: choice('Where groups come from: the organizational units. Default: ou.', ['ou', 'none']).optional(),
  })
  .describe('Client certificates, as http.tls.clientcas lets them in.');

const issuer = z
  .strictObject({
    service: name('Name of this service in tokens. Default: layover.').optional(),
    issuer: name('Name of the issuer in tokens. Default: layover.').optional(),
    keyfile: name(
      'PEM file with private keys; the first signs. Default: one beside the storage, made at need.',
    ).optional(),
    lifetime: ownTimer('Of a token. Default: 5m.').optional(),
    refreshlifetime: ownDuration('Of what a login keeps instead of the password; 0: nothing. Default: 30d.').optional(),
  })
  .describe('Gives out tokens at /token to those who log in.');

const repositories = z.array(glob('A glob, such as team/**.')).describe('Globs over names. Default: all.');

const actions = z
  .array(choice('What may be done.', ['pull', 'push', 'delete', '*']))
  .describe('pull, push, delete, or * for all of them.');

const anonymous = z
  .strictObject({
    repositories: repositories.optional(),
    actions: actions.optional(),
    ping: bool('Answer /v2/ without login, for clients that log in only when they have to. Default: false.').optional(),
  })
  .describe('What everybody may do, logged in or not. Default: pull everything.');

const ruleEntry = z.strictObject({
  users: z.array(glob('A glob over user names.')).optional(),
  groups: z.array(glob('A glob over names of groups.')).optional(),
  anonymous: bool('Everybody, logged in or not.').optional(),
  repositories: repositories.optional(),
  actions,
  effect: choice('Default: allow.', ['allow', 'deny']).optional(),
});
type RuleEntry = z.output<typeof ruleEntry>;

const rule = ruleEntry
  .transform((entry, ctx): PolicyRuleConfig => {
    const message = findMistake(entry);
    if (message === undefined) return toRule(entry);
    ctx.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .describe('Who may do what: the first rule about the caller, the repository and the action decides.');

function findMistake({ users, groups, anonymous: everybody }: RuleEntry): string | undefined {
  const isNamed = users !== undefined || groups !== undefined;
  if (everybody && isNamed) return 'is about everybody already (anonymous), and names users or groups as well';
  return everybody || isNamed ? undefined : 'must say whom it is about: users, groups, or anonymous: true';
}

function toRule({ users = [], groups = [], anonymous: everybody, ...rest }: RuleEntry): PolicyRuleConfig {
  return {
    who: everybody ? { kind: 'everybody' } : { kind: 'named', users, groups },
    repositories: rest.repositories ?? ['**'],
    actions: toActions(rest.actions),
    effect: rest.effect ?? 'allow',
  };
}

export function toActions(given: readonly (PolicyAction | '*')[]): readonly PolicyAction[] {
  const all = ['pull', 'push', 'delete'] as const;
  return all.filter((action) => given.includes(action) || given.includes('*'));
}

export const auth = z
  .strictObject({
    none: z.record(z.string(), z.unknown()).optional(),
    silly: silly.optional(),
    token: token.optional(),
    htpasswd: htpasswd.optional(),
    mtls: mtls.optional(),
    issuer: issuer.optional(),
    anonymous: anonymous.optional(),
    policy: z
      .array(rule)
      .describe('Without it, who is known may do everything; with it, nothing else is allowed.')
      .optional(),
    groups: z
      .record(z.string(), z.array(name('A user.')))
      .describe('Members by group.')
      .optional(),
    groupfile: name(
      'File with a group and its members on each line (team: alice bob); read again when it changes.',
    ).optional(),
    maxfailures: integer('Wrong passwords for one user from one address in a minute; 0: any number. Default: 30.', {
      min: 0,
    }).optional(),
  })
  .describe('Who is calling, and who may do what. Several methods may be on at the same time.');
