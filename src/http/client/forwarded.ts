/** One proxy's record of its client. */
export interface Hop {
  /** Address, with or without a port; or an identifier such as `unknown`. */
  readonly for?: string | undefined;
  /** Scheme. */
  readonly proto?: string | undefined;
  readonly host?: string | undefined;
}

/** A parameter of an element, and the separator after it. Addresses with ports are accepted without the quotes that they need. */
const PARAMETER = /[ \t]*(?:([!#$%&'*+.^`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s";,]*))[ \t]*)?(;|,|$)/y;

/**
 * The elements of a `Forwarded` header, the oldest first.
 *
 * @returns undefined when it is malformed
 * @see https://www.rfc-editor.org/rfc/rfc7239#section-4
 */
export function parseForwarded(header: string): Hop[] | undefined {
  const hops: Hop[] = [];
  let hop: Record<string, string> = {};
  PARAMETER.lastIndex = 0;
  for (;;) {
    const match = PARAMETER.exec(header);
    if (match === null) return undefined;
    const [, name, quoted, bare, end] = match;
    if (name !== undefined) hop[name.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '';
    if (end === ';') continue;
    hops.push(hop);
    hop = {};
    if (end === '') return hops;
  }
}

/** The elements of a list such as `X-Forwarded-For`, the oldest first. */
export function parseForwardedList(header: string | readonly string[] | undefined): string[] {
  if (header === undefined) return [];
  return String(header).split(',').map(trimmed);
}

const trimmed = (text: string) => text.trim();

/** `192.0.2.1`, `192.0.2.1:4711`, `[2001:db8::1]:4711`, `2001:db8::1` → the address alone. */
export function addressOf(node: string): string {
  const [, bracketed, ipv4] = /^(?:\[([^\]]*)\](?::\w+)?|(\d+\.\d+\.\d+\.\d+):\w+)$/.exec(node) ?? [];
  return bracketed ?? ipv4 ?? node;
}
