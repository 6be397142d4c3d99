import { hash, verify } from '@node-rs/bcrypt';

import { RegistryError } from '../oci/errors.ts';

/** Hashes are computed on libuv's four threads, which also read files. */
const MAX_RUNNING = 2;
/** At the default cost, the last one waits a second and a half. */
const MAX_WAITING = 64;
const RETRY_AFTER_MS = 2000;

/** Distribution's. */
export const DEFAULT_COST = 10;

/** A valid hash, at any cost, without a known password. */
const UNKNOWN = '......................PEiJfWMFmPw4vtJmEWnH9vP4SSJg4Mq';

/**
 * Costs of the hashes to compute after a wrong password, so that it takes the same time for every user. A hash of cost c takes 2ᶜ rounds,
 * and 2ᶜ + 2ᶜ + 2ᶜ⁺¹ + … + 2ᵈ⁻¹ = 2ᵈ.
 *
 * @param cost of the hash that was verified
 * @param highest cost of all hashes
 */
export function paddingCosts(cost: number, highest: number): number[] {
  return Array.from({ length: Math.max(0, highest - cost) }, (_, i) => cost + i);
}

/** Verifies passwords, two at a time: each costs as much as hundreds of requests. */
export class Passwords {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /**
   * A wrong password takes as long as a hash of the highest cost, whether there is such a user or not.
   *
   * @param hashed absent when there is no such user
   * @param highest cost of all hashes
   * @throws {RegistryError} `TOOMANYREQUESTS` when too many are waiting
   */
  async isRight(password: string, hashed: string | undefined, highest = DEFAULT_COST): Promise<boolean> {
    await this.#turn();
    try {
      if (await verify(password, hashed ?? dummyHash(highest))) return hashed !== undefined;
      for (const cost of paddingCosts(hashed === undefined ? highest : costOf(hashed), highest)) {
        await verify(password, dummyHash(cost));
      }
      return false;
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

function dummyHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${UNKNOWN}`;
}

/** `$2y$10$…` */
function costOf(hashed: string): number {
  return Number(hashed.split('$')[2]);
}

export function hashPassword(password: string): Promise<string> {
  return hash(password, DEFAULT_COST);
}
