import { RegistryError } from './errors.ts';
import { JsonKeys } from './json-keys.ts';
import { JsonCursor, type JsonCursorOptions } from './json-cursor.ts';

/** Many more than any manifest has: as many descriptors would not fit into 4 MiB. */
const MAX_ENTRIES = 100_000;

/**
 * The Go type that a value is decoded into. `entry` names an element of a list in messages. `pointer`: null removes the
 * value; null has no effect on other structs, texts and integers.
 */
export type Shape =
  | { readonly is: 'text' | 'integer' | 'texts-by-key' | 'presence' }
  | { readonly is: 'list'; readonly of: Shape; readonly entry: string }
  | { readonly is: 'struct'; readonly fields: Fields; readonly pointer?: boolean };

/** The fields of a struct, from {@link fieldsOf}. */
export interface Fields {
  readonly exact: ReadonlyMap<string, Field>;
  /** By key without case. */
  readonly folded: ReadonlyMap<string, Field>;
}

interface Field {
  readonly name: string;
  readonly shape: Shape;
  /** This field's bit in a set of fields. */
  readonly bit: number;
}

/** A decoded struct: values by the name of their field. */
export type Decoded = Readonly<Record<string, unknown>>;

/** Result of {@link decodeGoJson}. */
export interface GoJson {
  /** A list that is null is null, one that is absent is absent. */
  readonly value: Decoded;
  /** The first error that Go reports; the rest is decoded nevertheless. Absent when Go decodes everything. */
  readonly mismatch: string | undefined;
  /** The first key that parsers may interpret differently: a duplicate, or one with unexpected case. Absent when there is none. */
  readonly ambiguity: string | undefined;
}

/** @param shapes by the name of the field; at most 31 */
export function fieldsOf(shapes: Readonly<Record<string, Shape>>): Fields {
  const fields = Object.entries(shapes).map(([name, shape], i): Field => ({ name, shape, bit: 1 << i }));
  return {
    exact: new Map(fields.map((field) => [field.name, field])),
    folded: new Map(fields.map((field) => [fold(field.name), field])),
  };
}

/**
 * Decodes a JSON object as Go's encoding/json does, and so as docker, containerd, podman and distribution do: keys match in
 * any case, and the last duplicate counts. A duplicate is decoded into the value of the earlier one, so a second descriptor
 * without a digest keeps the first one's digest. Takes time in proportion to the number of bytes, also with many duplicates.
 *
 * @throws {RegistryError} `MANIFEST_INVALID` when the bytes are not a JSON object
 * @see https://pkg.go.dev/encoding/json#Unmarshal
 */
export function decodeGoJson(bytes: Uint8Array, fields: Fields, options: JsonCursorOptions): GoJson {
  const cursor = new JsonCursor(bytes, options);
  const decoder = new Decoder(cursor);
  const value = decoder.root(fields);
  cursor.end();
  const { mismatch } = decoder;
  const { duplicate } = cursor;
  const ambiguity = decoder.ambiguity ?? (duplicate === undefined ? undefined : duplicateKey(duplicate));
  return { value, mismatch, ambiguity };
}

class Decoder {
  mismatch: string | undefined;
  ambiguity: string | undefined;
  readonly #cursor: JsonCursor;
  /** By list: the elements that a duplicate of its key is decoded into, including those behind its end that an earlier, longer one had. */
  readonly #slots = new WeakMap<readonly unknown[], unknown[]>();

  constructor(cursor: JsonCursor) {
    this.#cursor = cursor;
  }

  root(fields: Fields): Decoded {
    if (this.#cursor.peek() === 'object') return this.#struct(fields, undefined);
    throw notManifest('not a JSON object');
  }

  #read({ name, shape }: Pick<Field, 'name' | 'shape'>, previous: unknown): unknown {
    const type = this.#cursor.peek();
    if (shape.is === 'presence') return this.#skipped(type !== 'null');
    if (type === 'null') return this.#skipped(keepsOnNull(shape) ? previous : null);
    if (shape.is === 'text' && type === 'text') return this.#cursor.text();
    if (shape.is === 'integer' && type === 'number') return this.#integer(name, previous);
    if (shape.is === 'texts-by-key' && type === 'object')
      return this.#texts(name, previous as Record<string, unknown> | undefined);
    if (shape.is === 'struct' && type === 'object') return this.#struct(shape.fields, previous as Decoded | undefined);
    if (shape.is === 'list' && type === 'array') {
      return this.#list({ name: shape.entry, shape: shape.of }, previous as readonly unknown[] | undefined);
    }
    this.#mismatched(`${name} is not ${TYPE_NAMES[shape.is]}`);
    return previous;
  }

  #struct(fields: Fields, previous: Decoded | undefined): Decoded {
    const value: Record<string, unknown> = { ...previous };
    let unknown: JsonKeys | undefined;
    let seen = 0;
    this.#cursor.object((key) => {
      const field = fields.exact.get(key) ?? fields.folded.get(fold(key));
      if (!field) {
        this.#noteUnknown(key, (unknown ??= new JsonKeys()));
        this.#cursor.skip();
        return;
      }
      if (field.name !== key) this.ambiguity ??= `only some clients read ${quoted(key)} as ${quoted(field.name)}`;
      if (seen & field.bit) this.ambiguity ??= duplicateKey(field.name);
      seen |= field.bit;
      value[field.name] = this.#read(field, value[field.name]);
    });
    return value;
  }

  #noteUnknown(key: string, seen: JsonKeys): void {
    if (!seen.add(fold(key))) this.ambiguity ??= duplicateKey(key);
  }

  #list(element: Pick<Field, 'name' | 'shape'>, previous: readonly unknown[] | undefined): unknown[] {
    const slots = (previous && this.#slots.get(previous)) ?? [];
    let length = 0;
    this.#cursor.array((i) => {
      if (i === MAX_ENTRIES) throw notManifest(`a list with more than ${MAX_ENTRIES} entries`);
      slots[i] = this.#read(element, slots[i]);
      length = i + 1;
    });
    const values = slots.slice(0, length);
    if (length > 0) this.#slots.set(values, slots);
    return values;
  }

  /**
   * Keys of a map keep their case. A map with other values than texts is ignored. Entries are added to `previous` without
   * copying it: the key of the map can have a hundred thousand duplicates.
   */
  #texts(name: string, previous: Record<string, unknown> | undefined): Decoded | undefined {
    const values = previous ?? (Object.create(null) as Record<string, unknown>);
    const seen = new JsonKeys();
    let isValid = true;
    this.#cursor.object((key) => {
      if (!seen.add(key)) this.ambiguity ??= duplicateKey(key);
      const isNull = this.#cursor.peek() === 'null';
      const value = isNull ? this.#skipped('') : this.#read({ name: `a value of ${name}`, shape: TEXT }, undefined);
      isValid &&= value !== undefined;
      values[key] = value;
    });
    return isValid ? values : undefined;
  }

  #integer(name: string, previous: unknown): unknown {
    const text = this.#cursor.number();
    const value = Number(text);
    if (/^-?\d+$/.test(text) && Number.isSafeInteger(value)) return value;
    this.mismatch ??= `${name} is not ${TYPE_NAMES.integer}`;
    return previous;
  }

  #skipped<T>(value: T): T {
    this.#cursor.skip();
    return value;
  }

  #mismatched(reason: string): void {
    this.mismatch ??= reason;
    this.#cursor.skip();
  }
}

const TEXT: Shape = { is: 'text' };

const TYPE_NAMES: Readonly<Record<Shape['is'], string>> = {
  text: 'text',
  integer: 'a whole number',
  'texts-by-key': 'an object',
  presence: 'there',
  list: 'a list',
  struct: 'an object',
};

function keepsOnNull(shape: Shape): boolean {
  if (shape.is === 'struct') return shape.pointer !== true;
  return shape.is === 'text' || shape.is === 'integer';
}

/** Go's simple case folding of ASCII letters: `toLowerCase` covers the Kelvin sign, but not the long s. */
function fold(key: string): string {
  return key.toLowerCase().replaceAll('\u017f', 's');
}

function notManifest(reason: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', `not a manifest: ${reason}`);
}

function duplicateKey(key: string): string {
  return `${quoted(key)} appears twice`;
}

function quoted(key: string): string {
  return JSON.stringify(key.slice(0, 100));
}
