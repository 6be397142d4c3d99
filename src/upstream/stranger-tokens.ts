import type { CallScope } from './call-scope.ts';
import { parseChallenges } from './challenge.ts';
import { isRealmUsable } from './realm.ts';
import type { TokenCache } from './token-cache.ts';

const KINDS: readonly string[] = ['manifests', 'blobs', 'referrers', 'tags'];

/**
 * Anonymous tokens for other registries that an upstream redirects to, as vendors' gateways do. They get no credentials; the
 * token is sent only to the origin that sent the challenge.
 */
export class StrangerTokens {
  readonly #tokens: TokenCache;

  constructor(tokens: TokenCache) {
    this.#tokens = tokens;
  }

  /** @returns the `Authorization` header; undefined for a challenge that no anonymous token meets. @throws {UpstreamError} */
  async respond(header: string | undefined, url: URL, scope: CallScope): Promise<string | undefined> {
    for (const { scheme, parameters } of parseChallenges(header ?? '')) {
      const text = parameters.get('realm') ?? '';
      if (scheme !== 'bearer' || !URL.canParse(text)) continue;
      const realm = new URL(text);
      if (!isRealmUsable(realm, url)) continue;
      const wanted = parameters.get('scope') || scopeOf(url);
      const token = await scope.race(this.#tokens.get({ realm, service: parameters.get('service'), scope: wanted }));
      return `Bearer ${token}`;
    }
    return undefined;
  }
}

/** Of `/v2/<name>/manifests/<reference>` and its siblings. */
function scopeOf({ pathname }: URL): string | undefined {
  const parts = pathname.split('/');
  const repository = parts.slice(parts.indexOf('v2') + 1, -2).join('/');
  const isContent = parts.includes('v2') && KINDS.includes(parts.at(-2) ?? '') && parts.at(-1) !== '';
  return isContent && repository !== '' ? `repository:${repository}:pull` : undefined;
}
