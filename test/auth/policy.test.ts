import { describe, expect, it } from 'vitest';

import { ANONYMOUS, type Identity } from '../../src/auth/identity.ts';
import { Policy } from '../../src/auth/policy.ts';
import type { PolicyAction, PolicyRuleConfig } from '../../src/config/config.ts';

const who = (name: string, ...groups: string[]): Identity => ({ name, groups });
const alice = who('alice', 'team');
const bob = who('bob');
const robot = who('robot/ci@build', 'ci');

const named = (names: { users?: string[]; groups?: string[] }) =>
  ({ kind: 'named', users: names.users ?? [], groups: names.groups ?? [] }) as const;
const everybody = { kind: 'everybody' } as const;

function rule(
  about: PolicyRuleConfig['who'],
  repositories: string[],
  actions: PolicyAction[],
  effect: 'allow' | 'deny' = 'allow',
): PolicyRuleConfig {
  return { who: about, repositories, actions, effect };
}

const policy = new Policy([
  rule(named({ users: ['bob'] }), ['team/secret'], ['pull'], 'deny'),
  rule(named({ groups: ['team'] }), ['team/**'], ['pull', 'push']),
  rule(named({ users: ['robot/*'] }), ['team/app', 'ci/*'], ['push']),
  rule(named({ users: ['bob'] }), ['**'], ['pull']),
  rule(named({ users: ['alice'] }), ['team/app'], ['delete']),
  rule(everybody, ['docker.io/library/*'], ['pull']),
]);

describe('a policy', () => {
  it.each([
    ['a group is allowed what its rule says', alice, 'team/app', 'pull', true],
    ['and deeper', alice, 'team/a/b/c', 'push', true],
    ['but no action that the rule does not name', alice, 'team/secret', 'delete', false],
    ['and nothing elsewhere', alice, 'other/app', 'pull', false],
    ['rules of one caller add up', alice, 'team/app', 'delete', true],
    ['a rule that denies stands before one that allows', bob, 'team/secret', 'pull', false],
    ['and is about its repository alone', bob, 'team/app', 'pull', true],
    ['** is every name', bob, 'docker.io/owner/app', 'pull', true],
    ['* over names of users is any text', robot, 'team/app', 'push', true],
    ['* over repositories is one part', robot, 'ci/a/b', 'push', false],
    ['a rule about push says nothing of pull', robot, 'team/app', 'pull', false],
    ['everybody is who is known', robot, 'docker.io/library/alpine', 'pull', true],
    ['everybody is nobody in particular', ANONYMOUS, 'docker.io/library/alpine', 'pull', true],
    ['who may do nothing else', ANONYMOUS, 'docker.io/library/alpine', 'push', false],
    ['a name is matched as a whole', bob, 'team/secrets', 'pull', true],
    ['names of users do not match inside of others', who('alice2'), 'team/app', 'delete', false],
    ['a group is no user', who('team'), 'team/app', 'pull', false],
    ['a user is no group', who('x', 'alice'), 'team/app', 'delete', false],
  ] as const)('%s', (_what, identity, repository, action, expected) => {
    expect(policy.allows(identity, repository, action)).toBe(expected);
  });

  it('knows the clients that a rule allows something', () => {
    expect([alice, bob, ANONYMOUS].map((identity) => policy.knows(identity))).toEqual([true, true, true]);
    const strict = new Policy([
      rule(named({ users: ['bob'] }), ['**'], ['pull'], 'deny'),
      rule(named({ users: ['*'] }), ['a'], ['pull']),
    ]);
    expect([alice, ANONYMOUS].map((identity) => strict.knows(identity))).toEqual([true, false]);
  });

  it('does not match an anonymous client with a wildcard for users', () => {
    expect(new Policy([rule(named({ users: ['*'] }), ['**'], ['pull'])]).allows(ANONYMOUS, 'a', 'pull')).toBe(false);
  });

  it('allows the admin API only by a rule that names it, and the first such rule decides', () => {
    const admins = new Policy([
      rule(named({ users: ['bob'] }), ['**'], ['admin'], 'deny'),
      rule(named({ groups: ['team'], users: ['bob'] }), ['**'], ['admin']),
      rule(named({ users: ['robot/*'] }), ['**'], ['pull', 'push', 'delete']),
    ]);
    expect([alice, bob, robot, ANONYMOUS].map((identity) => admins.mayAdminister(identity))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(admins.allows(alice, 'team/app', 'pull')).toBe(false);
  });

  it('that is not configured allows known clients', () => {
    const open = new Policy([rule({ kind: 'known' } as const, ['**'], ['pull', 'push', 'delete'])]);
    expect([alice, ANONYMOUS].map((identity) => open.allows(identity, 'a', 'delete'))).toEqual([true, false]);
    const bearer: Identity = { ...ANONYMOUS, grants: [] };
    expect(open.allows(bearer, 'a', 'pull')).toBe(true); // what it is for limits it
    expect(open.mayAdminister(alice)).toBe(false);
  });
});
