/** Text, cut to a number of characters. */
export function cutText(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text;
}

/** Limits the texts of others in one response, by their bytes as JSON. */
export class TextLimit {
  #left: number;
  isCut = false;

  /** @param bytes of JSON */
  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** The text, as much of it as fits. */
  cut(text: string, maxLength = Infinity): string {
    const short = text.length > maxLength ? cutText(text, maxLength) : text;
    const fitting = bytesOf(short) > this.#left ? short.slice(0, Math.max(0, Math.floor(this.#left / 6) - 1)) : short;
    if (fitting !== text) this.isCut = true;
    this.#left -= bytesOf(fitting);
    return fitting;
  }

  /** The first items. */
  first<T>(items: readonly T[], max: number): readonly T[] {
    if (items.length <= max) return items;
    this.isCut = true;
    return items.slice(0, max);
  }

  /** A map of texts. */
  record(values: unknown, { entries, length }: { readonly entries: number; readonly length: number }) {
    const texts = Object.entries(isRecord(values) ? values : {}).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    );
    return Object.fromEntries(
      this.first(texts, entries).map(([key, value]) => [this.cut(key, length), this.cut(value, length)]),
    );
  }
}

/** A character takes six bytes of JSON at most. */
function bytesOf(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns undefined when the bytes are not a JSON object */
export function parseRecord(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(bytes).toString());
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
