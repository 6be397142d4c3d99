import { randomBytes } from 'node:crypto';

/** Milliseconds. */
const LIFETIME_MS = 60_000;
const MAX_LINKS = 100;

/** Codes that each sign in one browser, for a minute. */
export class OneTimeLinks {
  /** Unix milliseconds by code. */
  readonly #until = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  create(): { readonly code: string; readonly until: number } {
    for (const [code, until] of this.#until) {
      if (until <= this.#now() || this.#until.size >= MAX_LINKS) this.#until.delete(code);
    }
    const link = { code: randomBytes(32).toString('base64url'), until: this.#now() + LIFETIME_MS };
    this.#until.set(link.code, link.until);
    return link;
  }

  /** @returns whether the code was valid; from now on it is not */
  redeem(code: string): boolean {
    const until = this.#until.get(code) ?? 0;
    this.#until.delete(code);
    return until > this.#now();
  }
}
