import { askHelper } from './credential-helper.ts';
import type { Credentials } from './credentials.ts';

export interface HelperAnswersOptions {
  /** Milliseconds that an answer is used; undefined: until it is forgotten; 0: once. */
  readonly lifetimeMs: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** What credential helpers said. Each runs once for callers that come together; a failure is not kept. */
export class HelperAnswers {
  readonly #options: HelperAnswersOptions;
  readonly #answers = new Map<string, { readonly found: Promise<Credentials | undefined>; expiresAt: number }>();

  constructor(options: HelperAnswersOptions) {
    this.#options = options;
  }

  /** @throws {CredentialsError} */
  async find(command: string, server: string): Promise<Credentials | undefined> {
    const { env, now, lifetimeMs } = this.#options;
    const key = `${command}\n${server}`;
    const known = this.#answers.get(key);
    if (known && now() < known.expiresAt) return known.found;
    const answer = { found: askHelper({ command, server, env }), expiresAt: Infinity };
    this.#answers.set(key, answer);
    try {
      const found = await answer.found;
      if (lifetimeMs !== undefined) answer.expiresAt = now() + lifetimeMs;
      return found;
    } catch (err) {
      this.#answers.delete(key);
      throw err;
    }
  }

  /** The next {@link find} runs the helper again. */
  forget(): void {
    this.#answers.clear();
  }
}
