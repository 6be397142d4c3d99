import type { Librados, Pointer } from './librados.ts';

/** One step of a write. All steps of a write are done at once, or none is. Conditions fail with `ECANCELED`, unless noted. */
export type WriteStep =
  /** Otherwise steps create the object when it is missing. Fails with `EEXIST`. */
  | { readonly do: 'create' }
  /** Creates the object if it is missing, so that conditions apply to a new one as well. */
  | { readonly do: 'ensure' }
  | { readonly do: 'remove' }
  | { readonly do: 'write'; readonly bytes: Uint8Array; readonly offset: number }
  | { readonly do: 'truncate'; readonly length: number }
  | { readonly do: 'set-attribute'; readonly name: string; readonly value: Uint8Array }
  | { readonly do: 'set-key'; readonly key: string; readonly value: string }
  | { readonly do: 'remove-key'; readonly key: string }
  /** Fails with `ERANGE` or `EOVERFLOW`. */
  | { readonly do: 'if-version'; readonly version: number | bigint }
  /** A missing attribute equals the empty value. */
  | { readonly do: 'if-attribute'; readonly name: string; readonly value: Uint8Array }
  /** The attribute is missing, or not after the value in the order of bytes. */
  | { readonly do: 'if-attribute-until'; readonly name: string; readonly value: Uint8Array }
  /** A missing key equals the empty value. */
  | { readonly do: 'if-key'; readonly key: string; readonly value: string };

/** Of `librados.h`. */
const [CREATE_EXCLUSIVE, CREATE_IDEMPOTENT] = [1, 0];
/** The operator compares its value with that of the object, in this order. */
const [EQUAL, NOT_BELOW] = [1, 4];

/** Adds the steps to an operation. librados copies all memory before this returns. */
export function addSteps(librados: Librados, op: Pointer, steps: readonly WriteStep[]): void {
  for (const step of steps) addStep(librados, op, step);
}

function addStep(librados: Librados, op: Pointer, step: WriteStep): void {
  switch (step.do) {
    case 'create':
      return librados.write_op_create(op, CREATE_EXCLUSIVE, null);
    case 'ensure':
      return librados.write_op_create(op, CREATE_IDEMPOTENT, null);
    case 'remove':
      return librados.write_op_remove(op);
    case 'write':
      return librados.write_op_write(op, step.bytes, step.bytes.length, step.offset);
    case 'truncate':
      return librados.write_op_truncate(op, step.length);
    case 'set-attribute':
      return librados.write_op_setxattr(op, step.name, step.value, step.value.length);
    case 'if-version':
      return librados.write_op_assert_version(op, step.version);
    case 'if-attribute':
      return librados.write_op_cmpxattr(op, step.name, EQUAL, step.value, step.value.length);
    case 'if-attribute-until':
      return librados.write_op_cmpxattr(op, step.name, NOT_BELOW, step.value, step.value.length);
    case 'if-key': {
      const value = Buffer.from(step.value);
      return librados.write_op_omap_cmp2(op, step.key, EQUAL, value, Buffer.byteLength(step.key), value.length, null);
    }
    case 'set-key': {
      const { key, value } = step;
      return librados.write_op_omap_set2(op, [key], [value], [Buffer.byteLength(key)], [Buffer.byteLength(value)], 1);
    }
    case 'remove-key':
      return librados.write_op_omap_rm_keys2(op, [step.key], [Buffer.byteLength(step.key)], 1);
  }
}
