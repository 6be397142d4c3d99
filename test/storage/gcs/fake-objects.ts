import { createHash } from 'node:crypto';

export interface FakeObject {
  readonly name: string;
  readonly bytes: Buffer;
  readonly generation: string;
  readonly contentType: string;
  readonly updated: string;
  /** Absent for composed objects. */
  readonly md5Hash: string | undefined;
}

/** A failure with an HTTP status. */
export class FakeError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string) {
    super(`the request failed: ${reason}`);
    this.status = status;
    this.reason = reason;
  }
}

/** What a new object must fulfil. */
export interface Conditions {
  readonly ifGenerationMatch: string | null;
  /** Checked against the bytes. */
  readonly md5?: string | undefined;
}

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('base64');

/** The objects of a bucket, with generations and preconditions. */
export class FakeObjects {
  readonly #objects = new Map<string, FakeObject>();
  #generation = 1_700_000_000_000_000;

  get names(): string[] {
    return [...this.#objects.keys()].sort();
  }

  /** @throws {FakeError} 404; 412 when it has another generation */
  get(
    name: string,
    { generation = null as string | null, ifGenerationMatch = null as string | null } = {},
  ): FakeObject {
    const object = this.#objects.get(name);
    if (!object || (generation !== null && object.generation !== generation)) throw new FakeError(404, 'notFound');
    if (ifGenerationMatch !== null && object.generation !== ifGenerationMatch)
      throw new FakeError(412, 'conditionNotMet');
    return object;
  }

  put(
    name: string,
    bytes: Buffer,
    { ifGenerationMatch, md5: expected }: Conditions,
    more: Partial<FakeObject> = {},
  ): FakeObject {
    const present = this.#objects.get(name)?.generation ?? '0';
    if (ifGenerationMatch !== null && ifGenerationMatch !== present) throw new FakeError(412, 'conditionNotMet');
    if (expected !== undefined && expected !== md5(bytes)) throw new FakeError(400, 'invalid');
    const object = {
      name,
      bytes,
      generation: String(++this.#generation),
      contentType: 'application/octet-stream',
      updated: new Date().toISOString(),
      md5Hash: md5(bytes),
      ...more,
    };
    this.#objects.set(name, object);
    return object;
  }

  delete(name: string, ifGenerationMatch: string | null): void {
    this.get(name, { ifGenerationMatch });
    this.#objects.delete(name);
  }

  /** A page of names and prefixes, in their order. */
  list(query: URLSearchParams, pageSize: number) {
    const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter')];
    const from = query.get('pageToken') ?? query.get('startOffset') ?? '';
    const size = Math.min(Number(query.get('maxResults') ?? pageSize), pageSize);
    const entries = new Map<string, FakeObject | undefined>();
    for (const name of this.names.filter((each) => each.startsWith(prefix))) {
      const end = delimiter === null ? -1 : name.indexOf(delimiter, prefix.length);
      if (end === -1) entries.set(name, this.#objects.get(name));
      else entries.set(name.slice(0, end + 1), undefined);
    }
    const left = [...entries].filter(([name]) => name >= from).sort(([a], [b]) => (a < b ? -1 : 1));
    const page = left.slice(0, size);
    return {
      items: page.flatMap(([, object]) => (object ? [resourceOf(object)] : [])),
      prefixes: page.flatMap(([name, object]) => (object ? [] : [name])),
      nextPageToken: left[size]?.[0],
    };
  }
}

export function resourceOf({ bytes, ...object }: FakeObject) {
  return { kind: 'storage#object', ...object, size: String(bytes.length) };
}
