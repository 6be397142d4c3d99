import { randomUUID } from 'node:crypto';

import type { RadosPool } from './pool.ts';
import { isCode } from './rados-error.ts';

const CLASS = 'lock';
const LOCK = 'layover-hold';
/** After this time without renewal, the cluster ends the lock of a process that died. */
const LOCK_MS = 20_000;
const RENEWAL_MS = 5_000;

const EXCLUSIVE = 1;
const MAY_RENEW = 1;

/** An exclusive lock of an object, which the cluster ends when the process does not renew it. */
export class ObjectLock {
  readonly #pool: RadosPool;
  readonly #object: string;
  readonly #cookie: string;
  readonly #renewal: NodeJS.Timeout;
  #isLost = false;

  private constructor(pool: RadosPool, object: string, cookie: string) {
    this.#pool = pool;
    this.#object = object;
    this.#cookie = cookie;
    this.#renewal = setInterval(() => void this.#renew(), RENEWAL_MS).unref();
  }

  /** @returns undefined while another process, or another caller, has the lock. @throws {RadosError} `ENOENT` without the object */
  static async acquire(pool: RadosPool, object: string): Promise<ObjectLock | undefined> {
    const cookie = randomUUID();
    try {
      await lock(pool, object, cookie);
    } catch (err) {
      if (isCode(err, 'EBUSY')) return undefined;
      throw err;
    }
    return new ObjectLock(pool, object, cookie);
  }

  /** Another process has taken the lock. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Never fails: the lock also ends without that. */
  async release(): Promise<void> {
    clearInterval(this.#renewal);
    await this.#pool
      .call(this.#object, { className: CLASS, method: 'unlock' }, encodeUnlock(this.#cookie))
      .catch(() => {});
  }

  async #renew(): Promise<void> {
    await lock(this.#pool, this.#object, this.#cookie).catch((err: unknown) => {
      if (isCode(err, 'EBUSY', 'ENOENT')) this.#isLost = true;
    });
  }
}

async function lock(pool: RadosPool, object: string, cookie: string): Promise<void> {
  await pool.call(object, { className: CLASS, method: 'lock' }, encodeLock(cookie));
}

/** `cls_lock_lock_op`: librados has no call for it that does not wait. */
function encodeLock(cookie: string): Buffer {
  return encoded([
    text(LOCK),
    Buffer.of(EXCLUSIVE),
    text(cookie),
    text(''),
    text('layover'),
    integer(LOCK_MS / 1000),
    integer(0),
    Buffer.of(MAY_RENEW),
  ]);
}

/** `cls_lock_unlock_op` */
function encodeUnlock(cookie: string): Buffer {
  return encoded([text(LOCK), text(cookie)]);
}

/** A structure in Ceph's encoding: version, oldest compatible version, length, fields. */
function encoded(fields: readonly Buffer[]): Buffer {
  const content = Buffer.concat(fields);
  return Buffer.concat([Buffer.of(1, 1), integer(content.length), content]);
}

function text(value: string): Buffer {
  return Buffer.concat([integer(Buffer.byteLength(value)), Buffer.from(value)]);
}

function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
