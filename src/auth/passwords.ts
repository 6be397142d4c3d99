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

/**
 * Costs of the hashes to be computed after a wrong password, so that it takes as long for every user. A hash of cost c takes 2ᶜ rounds,
 * and 2ᶜ + 2ᶜ + 2ᶜ⁺¹ + … + 2ᵈ⁻¹ = 2ᵈ.
 *
 * @param cost of the hash that was verified
 * @param dearest cost of all hashes that there are
 */
export function paddingCosts(cost: number, dearest: number): number[] {
  return Array.from({ length: Math.max(0, dearest - cost) }, (_, i) => cost + i);
}

/** Verifies passwords, few at a time: each costs as much as hundreds of requests. */
export class Passwords {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /**
   * A wrong one takes as long as one for the dearest hash, whether there is such a user or not.
   *
   * @param hashed absent when there is no such user
   * @param dearest cost of all hashes that there are
   * @throws {RegistryError} `TOOMANYREQUESTS` when many wait already
   */
  async isRight(password: string, hashed: string | undefined, dearest = DEFAULT_COST): Promise<boolean> {
    await this.#turn();
    try {
      if (await verify(password, hashed ?? dummyHash(dearest))) return hashed !== undefined;
      for (const cost of paddingCosts(hashed === undefined ? dearest : costOf(hashed), dearest)) {
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
