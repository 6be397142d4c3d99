import { matchGlobs, matchTextGlobs } from '../matching/glob.ts';
import type { PolicyAction, PolicyRuleConfig, RepositoryAction } from '../config/config.ts';
import { type Identity, isKnown } from './identity.ts';

interface Rule {
  readonly appliesTo: (identity: Identity) => boolean;
  readonly matches: (repository: string) => boolean;
  readonly actions: readonly PolicyAction[];
  readonly allows: boolean;
}

/** Access rules. The first rule that matches client, repository and action decides; anything that no rule matches is denied. */
export class Policy {
  readonly #rules: readonly Rule[];

  constructor(rules: readonly PolicyRuleConfig[]) {
    this.#rules = rules.map(toRule);
  }

  /** @param repository its stored name */
  allows(identity: Identity, repository: string, action: RepositoryAction): boolean {
    for (const { actions, appliesTo, matches, allows } of this.#rules) {
      if (actions.includes(action) && appliesTo(identity) && matches(repository)) return allows;
    }
    return false;
  }

  /** Whether this client may use the whole admin API. */
  mayAdminister(identity: Identity): boolean {
    const rule = this.#rules.find(({ actions, appliesTo }) => actions.includes('admin') && appliesTo(identity));
    return rule?.allows ?? false;
  }

  /** Whether any rule allows this client anything. */
  knows(identity: Identity): boolean {
    return this.#rules.some(({ appliesTo, allows }) => allows && appliesTo(identity));
  }
}

function toRule({ who, repositories, actions, effect }: PolicyRuleConfig): Rule {
  return {
    appliesTo: toSubject(who),
    matches: repositories.includes('**') ? () => true : matchGlobs(repositories),
    actions,
    allows: effect === 'allow',
  };
}

function toSubject(who: PolicyRuleConfig['who']): Rule['appliesTo'] {
  if (who.kind === 'everybody') return () => true;
  if (who.kind === 'known') return isKnown;
  const isUser = nameMatcher(who.users);
  const isGroup = nameMatcher(who.groups);
  return ({ name, groups }) => (name !== '' && isUser(name)) || groups.some(isGroup);
}

/** Names have no path segments: `*` matches any text. */
function nameMatcher(globs: readonly string[]): (name: string) => boolean {
  return globs.length === 0 ? () => false : matchTextGlobs(globs);
}
