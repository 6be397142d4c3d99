import { RegistryError } from './errors.ts';
import { JsonKeys } from './json-keys.ts';

/** The deepest nesting that Go's encoding/json decodes, and so distribution and every client written in Go. */
export const MAX_DEPTH = 10_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const UNICODE = 0x75;
/** Characters that form an escape with a backslash alone. */
const ESCAPES: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'));
const HEX: ReadonlySet<number> = new Set(Buffer.from('0123456789abcdefABCDEF'));
const ARRAY = { open: 0x5b, close: 0x5d } as const;
const OBJECT = { open: 0x7b, close: 0x7d } as const;
const LITERALS: ReadonlyMap<number, Buffer> = new Map(
  ['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]),
);

export type JsonType = 'object' | 'array' | 'text' | 'number' | 'boolean' | 'null';

/** Options of {@link JsonCursor}. */
export interface JsonCursorOptions {
  /** Look for duplicate keys in skipped values too; an object with more than 10 000 keys is then rejected. */
  readonly findDuplicates: boolean;
}

/**
 * Reads JSON in one pass, without building values that the caller skips. `JSON.parse` cannot do this: it hides duplicate
 * keys, and turns a few megabytes of brackets into hundreds of megabytes of arrays.
 *
 * Every method throws a {@link RegistryError} `MANIFEST_INVALID` for bytes that are not JSON, and above {@link MAX_DEPTH}.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8259
 */
export class JsonCursor {
  readonly #bytes: Buffer;
  /** The bytes as text, one character per byte: slicing it costs less than decoding a slice of the bytes. */
  readonly #latin1: string;
  readonly #findDuplicates: boolean;
  #at = 0;
  /** Positions of the last scanned text, without its quotes. */
  #textStart = 0;
  #textEnd = 0;
  #isPlain = true;
  #isEscaped = false;
  #depth = 0;
  #duplicate: string | undefined;

  constructor(bytes: Uint8Array, { findDuplicates }: JsonCursorOptions) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#latin1 = this.#bytes.toString('latin1');
    this.#findDuplicates = findDuplicates;
  }

  /** The first key that a skipped object has twice. */
  get duplicate(): string | undefined {
    return this.#duplicate;
  }

  /** Type of the next value. */
  peek(): JsonType {
    const byte = this.#peekByte();
    if (byte === QUOTE) return 'text';
    if (byte === OBJECT.open) return 'object';
    if (byte === ARRAY.open) return 'array';
    if (LITERALS.has(byte)) return byte === 0x6e ? 'null' : 'boolean';
    if (byte === MINUS || isDigit(byte)) return 'number';
    throw notJson();
  }

  /** The result may share memory with all of the bytes: copy it before keeping it for long. */
  text(): string {
    this.#scanText();
    if (this.#isPlain) return this.#latin1.slice(this.#textStart, this.#textEnd);
    if (!this.#isEscaped) return this.#bytes.toString('utf8', this.#textStart, this.#textEnd);
    return JSON.parse(this.#bytes.toString('utf8', this.#textStart - 1, this.#textEnd + 1)) as string;
  }

  /** The number as written in the JSON. */
  number(): string {
    const start = this.#at;
    this.#scanNumber();
    return this.#latin1.slice(start, this.#at);
  }

  /** @param onMember reads or skips the value */
  object(onMember: (key: string) => void): void {
    this.#enter(OBJECT.open);
    if (!this.#accept(OBJECT.close)) {
      do onMember(this.#key());
      while (this.#accept(COMMA));
      this.#expect(OBJECT.close);
    }
    this.#depth -= 1;
  }

  /** @param onElement reads or skips the value */
  array(onElement: (index: number) => void): void {
    this.#enter(ARRAY.open);
    if (!this.#accept(ARRAY.close)) {
      let index = 0;
      do onElement(index++);
      while (this.#accept(COMMA));
      this.#expect(ARRAY.close);
    }
    this.#depth -= 1;
  }

  /** Skips the next value, without recursion: it can be nested {@link MAX_DEPTH} times. */
  skip(): void {
    /** The keys of each open object; undefined for an array. */
    const open: (JsonKeys | undefined)[] = [];
    do {
      if (this.#opens(open)) continue;
      while (open.length > 0) {
        const keys = open.at(-1);
        if (this.#accept(COMMA)) {
          if (keys) this.#skipKey(keys);
          break;
        }
        this.#expect(keys ? OBJECT.close : ARRAY.close);
        this.#depth -= 1;
        open.pop();
      }
    } while (open.length > 0);
  }

  /** Checks that only white space is left. */
  end(): void {
    this.#skipSpace();
    if (this.#at < this.#bytes.length) throw notJson();
  }

  /** Opens the next value when it is an object or array with elements, and skips it otherwise. @returns whether it was opened */
  #opens(open: (JsonKeys | undefined)[]): boolean {
    const type = this.peek();
    if (type === 'object') {
      this.#enter(OBJECT.open);
      if (!this.#accept(OBJECT.close)) {
        const keys = new JsonKeys();
        this.#skipKey(keys);
        return open.push(keys) > 0;
      }
    } else if (type === 'array') {
      this.#enter(ARRAY.open);
      if (!this.#accept(ARRAY.close)) return open.push(undefined) > 0;
    } else {
      this.#skipScalar(type);
      return false;
    }
    this.#depth -= 1;
    return false;
  }

  #skipScalar(type: JsonType): void {
    if (type === 'number') this.#scanNumber();
    else if (type === 'text') this.#scanText();
    else this.#skipLiteral();
  }

  #skipKey(keys: JsonKeys): void {
    if (this.#findDuplicates) {
      const key = this.#key();
      if (!keys.add(key)) this.#duplicate ??= key;
      return;
    }
    this.#peekByte();
    this.#scanText();
    this.#expect(COLON);
  }

  #key(): string {
    this.#peekByte();
    const key = this.text();
    this.#expect(COLON);
    return key;
  }

  /** Leaves the cursor behind the closing quote. */
  #scanText(): void {
    const bytes = this.#bytes;
    const { length } = bytes;
    if (bytes[this.#at] !== QUOTE) throw notJson();
    let at = this.#at + 1;
    let all = 0;
    let isEscaped = false;
    this.#textStart = at;
    for (; at < length; at++) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) break;
      if (byte < 0x20) throw notJson();
      all |= byte;
      if (byte !== BACKSLASH) continue;
      isEscaped = true;
      at = this.#endOfEscape(at + 1);
    }
    if (at >= length) throw notJson();
    this.#textEnd = at;
    this.#at = at + 1;
    this.#isEscaped = isEscaped;
    this.#isPlain = !isEscaped && all < 0x80;
  }

  /** @param at position after the backslash @returns position of the escape's last byte */
  #endOfEscape(at: number): number {
    const byte = this.#bytes[at] ?? -1;
    if (ESCAPES.has(byte)) return at;
    if (byte !== UNICODE) throw notJson();
    for (let i = 1; i <= 4; i++) if (!HEX.has(this.#bytes[at + i] ?? -1)) throw notJson();
    return at + 4;
  }

  #scanNumber(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at] === MINUS) at += 1;
    const isZero = bytes[at] === 0x30;
    const whole = skipDigits(bytes, at);
    if (whole === at || (isZero && whole > at + 1)) throw notJson();
    at = whole;
    if (bytes[at] === 0x2e) at = expectDigits(bytes, at + 1);
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      const isSigned = bytes[at + 1] === 0x2b || bytes[at + 1] === MINUS;
      at = expectDigits(bytes, at + (isSigned ? 2 : 1));
    }
    this.#at = at;
  }

  #skipLiteral(): void {
    const word = LITERALS.get(this.#bytes[this.#at] as number) as Buffer;
    const end = this.#at + word.length;
    if (!this.#bytes.subarray(this.#at, end).equals(word)) throw notJson();
    this.#at = end;
  }

  #enter(byte: number): void {
    this.#expect(byte);
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) {
      throw new RegistryError('MANIFEST_INVALID', `not a manifest: nested more than ${MAX_DEPTH} times`);
    }
  }

  #accept(byte: number): boolean {
    this.#skipSpace();
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at += 1;
    return true;
  }

  #expect(byte: number): void {
    if (!this.#accept(byte)) throw notJson();
  }

  #peekByte(): number {
    this.#skipSpace();
    return this.#bytes[this.#at] ?? -1;
  }

  #skipSpace(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    while (isSpace(bytes[at])) at += 1;
    this.#at = at;
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function skipDigits(bytes: Buffer, start: number): number {
  let at = start;
  while (isDigit(bytes[at])) at += 1;
  return at;
}

function expectDigits(bytes: Buffer, start: number): number {
  const end = skipDigits(bytes, start);
  if (end === start) throw notJson();
  return end;
}

function notJson(): RegistryError {
  return new RegistryError('MANIFEST_INVALID', 'not a manifest: not JSON');
}
