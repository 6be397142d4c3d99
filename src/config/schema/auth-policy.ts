import { z } from 'zod';
import type { Immutable } from '../immutable.ts';
import { otherwise, withDefault } from './defaults.ts';
import { bool } from './number.ts';
import { glob } from './pattern.ts';
import { choice } from './text.ts';

/** Actions on repositories. */
const ACTIONS = ['pull', 'push', 'delete'] as const;

export type RepositoryAction = (typeof ACTIONS)[number];
/** `admin`: the admin API and the dashboard, for the whole service. */
export type PolicyAction = RepositoryAction | 'admin';

const repositories = withDefault(z.array(glob('A glob over names.')).describe('Globs over stored names.'), ['**']);

const openActions = z
  .array(choice('An action.', [...ACTIONS, '*']))
  .transform((given) => repositoryActions(given))
  .describe('Allowed actions. `*`: all of them.');

const actions = z
  .array(choice('An action.', [...ACTIONS, 'admin', '*']))
  .transform((given): PolicyAction[] => [
    ...repositoryActions(given),
    ...(given.includes('admin') ? (['admin'] as const) : []),
  ])
  .describe('Allowed or denied actions. `*`: `pull`, `push` and `delete`.');

function repositoryActions(given: readonly string[]): RepositoryAction[] {
  return ACTIONS.filter((action) => given.includes(action) || given.includes('*'));
}

export const anonymous = z
  .strictObject({
    repositories,
    actions: withDefault(openActions, ['pull']),
    ping: withDefault(
      bool('`/v2/` responds without a login, for clients that log in only when they have to.'),
      'false',
    ),
  })
  .transform(({ ping, ...rule }) => ({
    isPingOpen: ping,
    rule: { ...rule, who: { kind: 'everybody' }, effect: 'allow' } satisfies PolicyRule,
  }))
  .describe('What everyone may do, logged in or not.');

const ONE_REQUIRED = 'one of `users`, `groups` and `anonymous` is required';

const entry = z.strictObject({
  users: otherwise(z.array(glob('A glob over user names.')).describe('Globs over user names.'), ONE_REQUIRED),
  groups: otherwise(z.array(glob('A glob over group names.')).describe('Globs over group names.'), ONE_REQUIRED),
  anonymous: otherwise(bool('`true`: everyone, logged in or not.'), ONE_REQUIRED),
  repositories,
  actions,
  effect: withDefault(choice('Effect of the rule.', ['allow', 'deny']), 'allow'),
});
type Entry = z.output<typeof entry>;

export const rule = entry
  .transform((raw, ctx): PolicyRule => {
    const message = findMistake(raw);
    if (message === undefined) return toRule(raw);
    ctx.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .describe('The first rule that matches the caller, the repository and the action decides.');

function findMistake({ users, groups, anonymous: everyone, ...rest }: Entry): string | undefined {
  const isNamed = users !== undefined || groups !== undefined;
  if (rest.actions.includes('admin')) {
    if (!rest.repositories.includes('**'))
      return 'allows or denies admin, which is for the whole service: move it to a rule without repositories';
    if (everyone && rest.effect === 'allow') return 'allows admin to everyone: name users or groups';
  }
  if (everyone && isNamed) return 'applies to everyone (anonymous), and also names users or groups: keep one of them';
  return everyone || isNamed ? undefined : 'must have users, groups, or anonymous: true';
}

function toRule({ users = [], groups = [], anonymous: everyone, ...rest }: Entry): PolicyRule {
  return { who: everyone ? { kind: 'everybody' } : { kind: 'named', users, groups }, ...rest };
}

export interface PolicyRule {
  /** `everybody` includes anonymous clients, `known` does not. */
  who: { kind: 'everybody' } | { kind: 'known' } | { kind: 'named'; users: string[]; groups: string[] };
  /** Globs over stored names. */
  repositories: string[];
  actions: PolicyAction[];
  effect: 'allow' | 'deny';
}

/** Without `auth.policy`: authenticated clients may do everything. */
export const OPEN_RULE: PolicyRule = {
  who: { kind: 'known' },
  repositories: ['**'],
  actions: [...ACTIONS],
  effect: 'allow',
};

export type PolicyRuleConfig = Immutable<PolicyRule>;
