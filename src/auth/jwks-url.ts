import { boundedFetch } from '../fetch/bounded-fetch.ts';
import { RegistryError } from '../oci/errors.ts';
import type { AuthEvents } from './auth-events.ts';
import { NO_KEYS, parseJwks, type TrustedKeys } from './trusted-keys.ts';

/** Keys older than this are fetched again; meanwhile they stay in use. Milliseconds. */
const FRESH_MS = 10 * 60_000;
/** Minimum time between requests for an unknown key. Milliseconds. */
const COOL_DOWN_MS = 15_000;
const TIMEOUT_MS = 5000;
const MAX_BYTES = 1024 * 1024;
const MAX_REDIRECTS = 5;

export interface JwksUrlOptions {
  readonly url: string;
  readonly events: AuthEvents;
  readonly now: () => number;
}

/**
 * The keys that a token server publishes. The last ones fetched stay in use while the token server is unavailable, so that clients with a
 * token can continue.
 */
export class JwksUrl {
  readonly #options: JwksUrlOptions;
  #keys: TrustedKeys | undefined;
  #triedAt = -Infinity;
  #fetching: Promise<void> | undefined;

  constructor(options: JwksUrlOptions) {
    this.#options = options;
  }

  /** The keys known now. Starts a fetch when they are old, without waiting for it. */
  get(): TrustedKeys {
    if (this.#age() > FRESH_MS) void this.#refresh();
    return this.#keys ?? NO_KEYS;
  }

  /**
   * Fetches the keys again because one is missing.
   *
   * @throws {RegistryError} `UNAVAILABLE` when nothing was ever fetched
   */
  async getNewer(): Promise<TrustedKeys> {
    if (this.#fetching || this.#age() > COOL_DOWN_MS) await this.#refresh();
    if (this.#keys) return this.#keys;
    throw new RegistryError('UNAVAILABLE', 'the keys of the token server are not available', {
      retryAfterMs: COOL_DOWN_MS,
    });
  }

  #age(): number {
    return this.#options.now() - this.#triedAt;
  }

  #refresh(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    const { url, events, now } = this.#options;
    this.#triedAt = now();
    try {
      this.#keys = parseJwks(await download(url));
      events.keysFetched({ url, keys: this.#keys.byId.size });
    } catch (err) {
      events.keysNotFetched({ url, reason: reasonOf(err) });
    }
  }
}

async function download(url: string): Promise<string> {
  const { status, body } = await boundedFetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    timeoutMs: TIMEOUT_MS,
    maxBytes: MAX_BYTES,
    maxRedirects: MAX_REDIRECTS,
  });
  if (status < 200 || status >= 300) throw new Error(`status ${status}`);
  return body.toString('utf8');
}

/** The network's code is enough: its message repeats the address. */
function reasonOf(err: unknown): string {
  if (!(err instanceof Error)) return String(err);
  return 'code' in err ? String(err.code) : err.message;
}
