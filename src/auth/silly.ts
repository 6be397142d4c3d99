import type { AuthConfig } from '../config/config.ts';
import { type ChallengeContext, type Authenticator, type Presented, quoted, type Verdict } from './authenticator.ts';

/** Distribution's `silly` method, for development: it accepts any `Authorization` header. */
export function createSilly({ realm, service }: NonNullable<AuthConfig['silly']>): Authenticator {
  return {
    identify: ({ authorization }: Presented): Verdict =>
      authorization === undefined ? undefined : { name: 'silly', groups: [] },
    challenge({ accesses }: ChallengeContext): string {
      const scopes = accesses.flatMap(({ type, name, actions }) =>
        actions.map((action) => `${type}:${name}:${action}`),
      );
      const scope = scopes.length === 0 ? '' : `,scope=${quoted(scopes.join(' '))}`;
      return `Bearer realm=${quoted(realm)},service=${quoted(service)}${scope}`;
    },
  };
}
