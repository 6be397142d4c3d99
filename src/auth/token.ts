import type { TokenConfig } from '../config/config.ts';
import type { AuthEvents } from './auth-events.ts';
import type { ChallengeContext } from './authenticator.ts';
import { Bearer } from './bearer.ts';
import { TokenKeys } from './token-keys.ts';
import { TokenVerifier } from './token-verifier.ts';

/** Tokens of a token server. @throws {Error} when a file with keys cannot be used */
export async function openToken(
  config: TokenConfig,
  { events, now }: { events: AuthEvents; now: () => number },
): Promise<Bearer> {
  const { service, issuer, algorithms, groupsClaim } = config;
  const keys = await TokenKeys.open(config, { events, now });
  const verifier = new TokenVerifier({ keys, issuer, audience: service, algorithms, groupsClaim, now });
  return new Bearer({ method: 'token', service, verifier, events, realmOf: realmOf(config) });
}

/** With `autoredirect`, the host of the request, over HTTPS unless `X-Forwarded-Proto` is `http`; as in distribution. */
function realmOf({ realm, autoRedirectPath }: TokenConfig): (context: ChallengeContext) => string {
  if (autoRedirectPath === undefined) return () => realm;
  return ({ host, forwardedProto }) => `${forwardedProto === 'http' ? 'http' : 'https'}://${host}${autoRedirectPath}`;
}
