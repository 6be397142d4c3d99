import type { LibraryHandle } from 'koffi';

const LIBRARY = 'librados.so.2';

/** An address in the memory of librados. Only files next to this one handle any. */
export type Pointer = number | bigint;

/** A pointer that a call returns through its argument. */
export type PointerOut = [Pointer | null];

/** Memory that librados reads or writes. One that it writes later has to stay referenced until then. */
export type Memory = Uint8Array | null;

/** The functions of librados that the driver uses, with their names without `rados_`. Those with a result return 0 or a negative error number. */
export interface Librados {
  readonly create2: (cluster: PointerOut, name: string, user: string, flags: number) => number;
  readonly conf_read_file: (cluster: Pointer, path: string | null) => number;
  readonly conf_set: (cluster: Pointer, option: string, value: string) => number;
  readonly connect: Blocking<(cluster: Pointer) => number>;
  readonly shutdown: Blocking<(cluster: Pointer) => void>;
  readonly ioctx_create: Blocking<(cluster: Pointer, pool: string, io: PointerOut) => number>;
  readonly ioctx_set_namespace: (io: Pointer, namespace: string) => void;
  readonly ioctx_destroy: (io: Pointer) => void;

  readonly aio_create_completion2: (argument: null, callback: Pointer, completion: PointerOut) => number;
  readonly aio_release: (completion: Pointer) => void;
  readonly aio_get_return_value: (completion: Pointer) => number;
  readonly aio_get_version: (completion: Pointer) => number | bigint;
  readonly aio_cancel: (io: Pointer, completion: Pointer) => number;

  readonly aio_read: Started<[buffer: Memory, length: number, offset: number]>;
  readonly aio_stat: Started<[size: Memory, seconds: Memory]>;
  readonly aio_getxattr: Started<[name: string, buffer: Memory, length: number]>;
  readonly aio_exec: Started<
    [className: string, method: string, input: Memory, inputLength: number, output: Memory, outputLength: number]
  >;
  readonly aio_write_op_operate: Operated<[time: null, flags: number]>;
  readonly aio_read_op_operate: Operated<[flags: number]>;

  readonly create_write_op: () => Pointer;
  readonly release_write_op: (op: Pointer) => void;
  readonly write_op_create: (op: Pointer, exclusive: number, category: null) => void;
  readonly write_op_remove: (op: Pointer) => void;
  readonly write_op_truncate: (op: Pointer, length: number) => void;
  readonly write_op_write: (op: Pointer, bytes: Memory, length: number, offset: number) => void;
  readonly write_op_assert_version: (op: Pointer, version: number | bigint) => void;
  readonly write_op_setxattr: (op: Pointer, name: string, value: Memory, length: number) => void;
  readonly write_op_cmpxattr: Call<[op: Pointer, name: string, operator: number, value: Memory, length: number]>;
  readonly write_op_omap_cmp2: Call<
    [op: Pointer, key: string, operator: number, value: Memory, keyLength: number, valueLength: number, result: null]
  >;
  readonly write_op_omap_set2: Call<
    [
      op: Pointer,
      keys: readonly string[],
      values: readonly string[],
      keyLengths: readonly number[],
      valueLengths: readonly number[],
      count: number,
    ]
  >;
  readonly write_op_omap_rm_keys2: (
    op: Pointer,
    keys: readonly string[],
    keyLengths: readonly number[],
    count: number,
  ) => void;

  readonly create_read_op: () => Pointer;
  readonly release_read_op: (op: Pointer) => void;
  readonly read_op_omap_get_vals2: Call<
    [op: Pointer, after: string, prefix: string, max: number, iterator: PointerOut, more: Memory, result: null]
  >;
  readonly read_op_omap_get_vals_by_keys2: Call<
    [
      op: Pointer,
      keys: readonly string[],
      count: number,
      keyLengths: readonly number[],
      iterator: PointerOut,
      result: null,
    ]
  >;
  readonly omap_get_next2: Call<
    [iterator: Pointer, key: PointerOut, value: PointerOut, keyLength: [Pointer], valueLength: [Pointer]],
    number
  >;
  readonly omap_get_end: (iterator: Pointer) => void;
}

type Started<A extends unknown[]> = (io: Pointer, object: string, completion: Pointer, ...rest: A) => number;
type Operated<A extends unknown[]> = Call<
  [op: Pointer, io: Pointer, completion: Pointer, object: string, ...A],
  number
>;
type Call<A extends unknown[], R = void> = (...args: A) => R;

/** A function that waits for the cluster: to be called on another thread, as {@link callBlocking} does. */
type Blocking<F extends (...args: never[]) => unknown> = F & {
  readonly async: (...args: [...Parameters<F>, (err: Error | null, result: ReturnType<F>) => void]) => void;
};

const PROTOTYPES: Readonly<Record<keyof Librados, string>> = {
  create2: 'int (_Out_ uintptr_t *cluster, const char *name, const char *user, uint64_t flags)',
  conf_read_file: 'int (uintptr_t cluster, const char *path)',
  conf_set: 'int (uintptr_t cluster, const char *option, const char *value)',
  connect: 'int (uintptr_t cluster)',
  shutdown: 'void (uintptr_t cluster)',
  ioctx_create: 'int (uintptr_t cluster, const char *pool, _Out_ uintptr_t *io)',
  ioctx_set_namespace: 'void (uintptr_t io, const char *nspace)',
  ioctx_destroy: 'void (uintptr_t io)',
  aio_create_completion2: 'int (void *argument, uintptr_t callback, _Out_ uintptr_t *completion)',
  aio_release: 'void (uintptr_t completion)',
  aio_get_return_value: 'int (uintptr_t completion)',
  aio_get_version: 'uint64_t (uintptr_t completion)',
  aio_cancel: 'int (uintptr_t io, uintptr_t completion)',
  aio_read:
    'int (uintptr_t io, const char *object, uintptr_t completion, void *buffer, size_t length, uint64_t offset)',
  aio_stat: 'int (uintptr_t io, const char *object, uintptr_t completion, void *size, void *seconds)',
  aio_getxattr:
    'int (uintptr_t io, const char *object, uintptr_t completion, const char *name, void *buffer, size_t length)',
  aio_exec:
    'int (uintptr_t io, const char *object, uintptr_t completion, const char *cls, const char *method, const void *input, size_t inputLength, void *output, size_t outputLength)',
  aio_write_op_operate:
    'int (uintptr_t op, uintptr_t io, uintptr_t completion, const char *object, void *time, int flags)',
  aio_read_op_operate: 'int (uintptr_t op, uintptr_t io, uintptr_t completion, const char *object, int flags)',
  create_write_op: 'uintptr_t ()',
  release_write_op: 'void (uintptr_t op)',
  write_op_create: 'void (uintptr_t op, int exclusive, const char *category)',
  write_op_remove: 'void (uintptr_t op)',
  write_op_truncate: 'void (uintptr_t op, uint64_t length)',
  write_op_write: 'void (uintptr_t op, const void *bytes, size_t length, uint64_t offset)',
  write_op_assert_version: 'void (uintptr_t op, uint64_t version)',
  write_op_setxattr: 'void (uintptr_t op, const char *name, const void *value, size_t length)',
  write_op_cmpxattr: 'void (uintptr_t op, const char *name, uint8_t comparison, const void *value, size_t length)',
  write_op_omap_cmp2:
    'void (uintptr_t op, const char *key, uint8_t comparison, const void *value, size_t keyLength, size_t valueLength, void *result)',
  write_op_omap_set2:
    'void (uintptr_t op, const char **keys, const char **values, const size_t *keyLengths, const size_t *valueLengths, size_t count)',
  write_op_omap_rm_keys2: 'void (uintptr_t op, const char **keys, const size_t *keyLengths, size_t count)',
  create_read_op: 'uintptr_t ()',
  release_read_op: 'void (uintptr_t op)',
  read_op_omap_get_vals2:
    'void (uintptr_t op, const char *after, const char *prefix, uint64_t max, _Out_ uintptr_t *iterator, void *more, void *result)',
  read_op_omap_get_vals_by_keys2:
    'void (uintptr_t op, const char **keys, size_t count, const size_t *keyLengths, _Out_ uintptr_t *iterator, void *result)',
  omap_get_next2:
    'int (uintptr_t iterator, _Out_ uintptr_t *key, _Out_ uintptr_t *value, _Out_ size_t *keyLength, _Out_ size_t *valueLength)',
  omap_get_end: 'void (uintptr_t iterator)',
};

/** librados and what koffi does with its memory. */
export interface LoadedLibrados {
  readonly librados: Librados;
  /** The bytes at an address, as text. */
  readonly textAt: (address: Pointer, length: number) => string;
  /** Called on the main thread when the call with a completion has ended, by its completion. */
  readonly completed: Map<Pointer, () => void>;
  /** The one function that librados calls. */
  readonly callback: Pointer;
}

let loaded: Promise<LoadedLibrados> | undefined;

/**
 * Loads koffi and the library, once in a process.
 *
 * @throws {Error} with the package to install
 */
export function loadLibrados(): Promise<LoadedLibrados> {
  return (loaded ??= load());
}

async function load(): Promise<LoadedLibrados> {
  const koffi = await import('koffi').catch((cause: unknown) => {
    throw new Error('rados: cannot load the package koffi (install it: npm install koffi)', { cause });
  });
  let library: LibraryHandle;
  try {
    library = koffi.load(LIBRARY);
  } catch (cause) {
    throw new Error(`rados: cannot load ${LIBRARY} (install the package librados2)`, { cause });
  }
  const functions = Object.entries(PROTOTYPES).map(([name, prototype]) => [
    name,
    library.func(prototype.replace(' (', ` rados_${name}(`)),
  ]);
  const type = koffi.pointer(koffi.proto('void LayoverRadosCompleted(uintptr_t completion, uintptr_t argument)'));
  const completed = new Map<Pointer, () => void>();
  return {
    librados: Object.fromEntries(functions) as unknown as Librados,
    textAt: (address, length) => (length === 0 ? '' : String(koffi.decode(BigInt(address), 'char', length))),
    completed,
    callback: koffi.register((completion: Pointer) => completed.get(completion)?.(), type),
  };
}

/** Runs a function that waits, on a thread of Node's pool. */
export function callBlocking<A extends unknown[], R>(
  blocking: { readonly async: (...args: [...A, (err: Error | null, result: R) => void]) => void },
  ...args: A
): Promise<R> {
  return new Promise((resolve, reject) => {
    blocking.async(...args, (err, result) => (err ? reject(err) : resolve(result)));
  });
}
