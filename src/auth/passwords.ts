import { hash, verify } from '@node-rs/bcrypt';

import { RegistryError } from '../oci/errors.ts';

/** They run on the threads that files are read by, of which there are four. */
const MAX_RUNNING = 2;
/** At the usual cost, the last one waits a second and a half. */
const MAX_WAITING = 64;
const RETRY_AFTER_MS = 2000;

/** As distribution. */
export const DEFAULT_COST = 10;

/** A hash that `verify` takes, and that no password is known of; at the given cost. */
const UNKNOWN = '......................PEiJfWMFmPw4vtJmEWnH9vP4SSJg4Mq';

/** Verifies passwords, few at a time: each costs as much as hundreds of requests. */
export class Passwords {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /**
   * @param hashed undefined: there is no such user, which takes as long to find out as a wrong password
   * @param cost of the hashes that there are
   * @throws {RegistryError} `TOOMANYREQUESTS` when many wait already
   */
  async isRight(password: string, hashed: string | undefined, cost = DEFAULT_COST): Promise<boolean> {
    await this.#turn();
    try {
      const isRight = await verify(password, hashed ?? `$2b$${String(cost).padStart(2, '0')}$${UNKNOWN}`);
      return isRight && hashed !== undefined;
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    if (this.#running >= MAX_RUNNING) {
      if (this.#waiting.length >= MAX_WAITING) {
        throw new RegistryError('TOOMANYREQUESTS', 'too many logins at the same time', {
          retryAfterMs: RETRY_AFTER_MS,
        });
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running++;
  }
}

export function hashPassword(password: string): Promise<string> {
  return hash(password, DEFAULT_COST);
}
