import { matchGlobs, matchTextGlobs } from '../matching/glob.ts';
import type { PolicyAction, PolicyRuleConfig } from '../config/config.ts';
import { type Identity, isKnown } from './identity.ts';

interface Rule {
  readonly isAbout: (identity: Identity) => boolean;
  readonly matches: (repository: string) => boolean;
  readonly actions: readonly PolicyAction[];
  readonly allows: boolean;
}

/** Who may do what. The first rule about the caller, the repository and the action decides; what no rule is about is denied. */
export class Policy {
  readonly #rules: readonly Rule[];

  constructor(rules: readonly PolicyRuleConfig[]) {
    this.#rules = rules.map(toRule);
  }

  /** @param repository the name that it is stored under */
  allows(identity: Identity, repository: string, action: PolicyAction): boolean {
    for (const { actions, isAbout, matches, allows } of this.#rules) {
      if (actions.includes(action) && isAbout(identity) && matches(repository)) return allows;
    }
    return false;
  }

  /** Some rule lets it do something somewhere: whether it is worth looking further. */
  knows(identity: Identity): boolean {
    return this.#rules.some(({ isAbout, allows }) => allows && isAbout(identity));
  }
}

function toRule({ who, repositories, actions, effect }: PolicyRuleConfig): Rule {
  return {
    isAbout: toSubject(who),
    matches: repositories.includes('**') ? () => true : matchGlobs(repositories),
    actions,
    allows: effect === 'allow',
  };
}

function toSubject(who: PolicyRuleConfig['who']): Rule['isAbout'] {
  if (who.kind === 'everybody') return () => true;
  if (who.kind === 'known') return isKnown;
  const isUser = nameMatcher(who.users);
  const isGroup = nameMatcher(who.groups);
  return ({ name, groups }) => (name !== '' && isUser(name)) || groups.some(isGroup);
}

/** Names have no parts as paths have: `*` is any text. */
function nameMatcher(globs: readonly string[]): (name: string) => boolean {
  return globs.length === 0 ? () => false : matchTextGlobs(globs);
}
