import { runHelper } from './credential-helper.ts';
import type { Credentials } from './credentials.ts';

export interface HelperCacheOptions {
  /** Milliseconds that an answer is used; undefined: until it is forgotten; 0: once. */
  readonly lifetimeMs: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** What credential helpers said. Each runs once for callers that come together; a failure is not kept. */
export class HelperCache {
  readonly #options: HelperCacheOptions;
  readonly #cache = new Map<string, { readonly found: Promise<Credentials | undefined>; expiresAt: number }>();

  constructor(options: HelperCacheOptions) {
    this.#options = options;
  }

  /** @throws {CredentialsError} */
  async find(command: string, server: string): Promise<Credentials | undefined> {
    const { env, now, lifetimeMs } = this.#options;
    const key = `${command}\n${server}`;
    const known = this.#cache.get(key);
    if (known && now() < known.expiresAt) return known.found;
    const response = { found: runHelper({ command, server, env }), expiresAt: Infinity };
    this.#cache.set(key, response);
    try {
      const found = await response.found;
      if (lifetimeMs !== undefined) response.expiresAt = now() + lifetimeMs;
      return found;
    } catch (err) {
      this.#cache.delete(key);
      throw err;
    }
  }

  /** The next {@link find} runs the helper again. */
  forget(): void {
    this.#cache.clear();
  }
}
