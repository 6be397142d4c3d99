import type { RadosConnection } from './connection.ts';
import type { Librados, LoadedLibrados, Pointer } from './librados.ts';
import { ifMissing } from './rados-error.ts';
import { addSteps, type WriteStep } from './write-steps.ts';

/** A full pool fails a write, instead of keeping it until there is space. */
const FULL_TRY = 64;
/** More than any attribute that is read. */
const MAX_ATTRIBUTE_BYTES = 256;

/** @returns memory that V8 does not move */
const memory = (bytes: number) => Buffer.allocUnsafeSlow(Math.max(bytes, 128));

export interface ObjectInfo {
  /** Bytes. */
  readonly size: number;
  readonly modifiedAt: Date;
}

/** Keys and values of an object's omap, in the order of their bytes. */
export interface KeyPage {
  readonly entries: readonly (readonly [key: string, value: string])[];
  readonly hasMore: boolean;
  /** Version of the object. */
  readonly version: number | bigint;
}

/** The objects of a pool. All methods reject with RadosError; a missing object is `ENOENT`. */
export class RadosPool {
  readonly #connection: RadosConnection;

  constructor(connection: RadosConnection) {
    this.#connection = connection;
  }

  /** @param into must not be used before the end @returns bytes read: fewer only at the end of the object */
  async read(object: string, offset: number, into: Buffer): Promise<number> {
    const { loaded, io, run } = await this.#connection.open();
    const { value } = await run('read', (completion) =>
      loaded.librados.aio_read(io, object, completion, into, into.length, offset),
    );
    return value;
  }

  async stat(object: string): Promise<ObjectInfo> {
    const { loaded, io, run } = await this.#connection.open();
    const [size, seconds] = [memory(8), memory(8)];
    await run('stat', (completion) => loaded.librados.aio_stat(io, object, completion, size, seconds));
    return {
      size: Number(size.readBigUInt64LE()),
      modifiedAt: new Date(Number(seconds.readBigInt64LE()) * 1000),
    };
  }

  /** @returns undefined when the object exists without the attribute */
  async attribute(object: string, name: string): Promise<Buffer | undefined> {
    const { loaded, io, run } = await this.#connection.open();
    const into = memory(MAX_ATTRIBUTE_BYTES);
    const outcome = await run('getxattr', (completion) =>
      loaded.librados.aio_getxattr(io, object, completion, name, into, into.length),
    ).catch(ifMissingAttribute);
    return outcome && into.subarray(0, outcome.value);
  }

  async write(object: string, steps: readonly WriteStep[]): Promise<void> {
    const { loaded, io, run } = await this.#connection.open();
    const { librados } = loaded;
    const op = librados.create_write_op();
    try {
      addSteps(librados, op, steps);
      await run('write', (completion) => librados.aio_write_op_operate(op, io, completion, object, null, FULL_TRY));
    } finally {
      librados.release_write_op(op);
    }
  }

  async remove(object: string): Promise<void> {
    await this.write(object, [{ do: 'remove' }]);
  }

  /** @returns undefined when there is no such key, or no such object */
  async key(object: string, key: string): Promise<string | undefined> {
    const keys = await this.#readKeys(object, (librados, op, iterator) =>
      librados.read_op_omap_get_vals_by_keys2(op, [key], 1, [Buffer.byteLength(key)], iterator, null),
    ).catch(ifMissing(undefined));
    return keys?.entries[0]?.[1];
  }

  /** Up to `max` keys after a text. */
  async keys(object: string, after: string, max: number): Promise<KeyPage> {
    const more = memory(1).fill(0);
    const page = await this.#readKeys(object, (librados, op, iterator) =>
      librados.read_op_omap_get_vals2(op, after, '', max, iterator, more, null),
    );
    return { ...page, hasMore: more[0] !== 0 };
  }

  /** Calls a method of a class of objects, without a result. */
  async call(object: string, { className, method }: ClassMethod, input: Buffer): Promise<void> {
    const { loaded, io, run } = await this.#connection.open();
    await run(`${className}.${method}`, (completion) =>
      loaded.librados.aio_exec(io, object, completion, className, method, input, input.length, null, 0),
    );
  }

  async #readKeys(object: string, add: AddRead): Promise<Omit<KeyPage, 'hasMore'>> {
    const { loaded, io, run } = await this.#connection.open();
    const { librados } = loaded;
    const op = librados.create_read_op();
    const out: [Pointer | null] = [null];
    add(librados, op, out);
    const iterator = out[0] as Pointer;
    try {
      const { version } = await run('omap', (completion) =>
        librados.aio_read_op_operate(op, io, completion, object, 0),
      );
      return { entries: entriesOf(loaded, iterator), version };
    } finally {
      librados.omap_get_end(iterator);
      librados.release_read_op(op);
    }
  }
}

export interface ClassMethod {
  readonly className: string;
  readonly method: string;
}

/** Adds a read of keys to an operation. */
type AddRead = (librados: Librados, op: Pointer, iterator: [Pointer | null]) => void;

const ifMissingAttribute = (err: unknown) => {
  if ((err as { code?: unknown }).code === 'ENODATA') return undefined;
  throw err;
};

function entriesOf({ librados, textAt }: LoadedLibrados, iterator: Pointer): [string, string][] {
  const entries: [string, string][] = [];
  const key: [Pointer | null] = [null];
  const value: [Pointer | null] = [null];
  const keyLength: [Pointer] = [0];
  const valueLength: [Pointer] = [0];
  for (;;) {
    librados.omap_get_next2(iterator, key, value, keyLength, valueLength);
    if (!key[0]) return entries;
    entries.push([textAt(key[0], Number(keyLength[0])), value[0] ? textAt(value[0], Number(valueLength[0])) : '']);
  }
}
