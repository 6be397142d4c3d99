import { isIP } from 'node:net';

/** Absent `host`: all addresses. */
export interface TcpAddress {
  readonly net: 'tcp';
  readonly host: string | undefined;
  readonly port: number;
}

export type Listen = TcpAddress | { readonly net: 'unix'; readonly path: string };

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'yes', 'on', 'y'].map((word) => [word, true] as const),
  ...['false', 'no', 'off', 'n'].map((word) => [word, false] as const),
]);

/** The words of YAML 1.1, like in Go's library. @returns undefined for any other text */
export function parseBoolean(text: string): boolean | undefined {
  return BOOLEANS.get(text.toLowerCase());
}

const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const DAY = 86_400e9;

const DURATION = /^([-+]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d))+)$/;
const DURATION_PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)/g;

/**
 * A duration in the format of Go's `time.ParseDuration`: `1h30m`, `1.5s`, `-1s`, `0`.
 *
 * A bare number is nanoseconds, as in distribution's YAML decoding.
 *
 * @returns milliseconds, rounded up so that a duration never becomes 0; undefined when it is not a duration
 */
export function parseDurationMs(text: string): number | undefined {
  return /^[-+]?\d+$/.test(text) ? toMs(Number(text)) : parseUnits(text, NANOSECONDS);
}

/**
 * The same for keys that distribution does not have: `d` is a day, and a number needs a unit.
 *
 * @returns milliseconds; undefined when it is not a duration
 */
export function parseOwnDurationMs(text: string): number | undefined {
  return text === '0' ? 0 : parseUnits(text, { ...NANOSECONDS, d: DAY });
}

function parseUnits(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, sign, parts] = DURATION.exec(text) ?? [];
  if (parts === undefined) return undefined;
  let nanoseconds = 0;
  for (const [, amount, unit] of parts.matchAll(DURATION_PART))
    nanoseconds += Number(amount) * (units[unit ?? ''] ?? NaN);
  return toMs(sign === '-' ? -nanoseconds : nanoseconds);
}

function toMs(nanoseconds: number): number | undefined {
  const ms = Math.sign(nanoseconds) * Math.ceil(Math.abs(nanoseconds) / 1e6);
  return Number.isSafeInteger(ms) ? ms + 0 : undefined;
}

const SIZE = /^(\d+(?:\.\d+)?)\s*(?:([kmgtp]?)(i?)b)?$/i;

/** `50GiB`, `500MB` or a number of bytes. @returns bytes; undefined when it is not a size */
export function parseSizeBytes(text: string): number | undefined {
  const [, amount, prefix = '', binary = ''] = SIZE.exec(text) ?? [];
  if (amount === undefined || (prefix === '' && binary !== '')) return undefined;
  const power = ['', 'k', 'm', 'g', 't', 'p'].indexOf(prefix.toLowerCase());
  const bytes = Math.round(Number(amount) * (binary === '' ? 1000 : 1024) ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

const ADDRESS = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:[\]\s/]*)):(\d{1,5})$/;

/** `:5000`, `127.0.0.1:5000`, `registry.corp:5000`, `[::1]:5000`. @returns undefined when it is not an address */
export function parseTcpAddress(text: string): TcpAddress | undefined {
  const [, ipv6, name, port] = ADDRESS.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) return undefined;
  return { net: 'tcp', host: ipv6 ?? (name || undefined), port: Number(port) };
}

/** An IP address, a network in CIDR notation, or the word `unix`. @returns undefined for any other text */
export function parseNetwork(text: string): string | undefined {
  const [address = '', bits, ...more] = text.toLowerCase().split('/');
  const version = isIP(address);
  if (text.toLowerCase() === 'unix') return 'unix';
  if (version === 0 || more.length > 0) return undefined;
  if (bits === undefined) return address;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128) ? `${address}/${bits}` : undefined;
}

/** An absolute http or https URL. @returns undefined when it is not one */
export function parseHttpUrl(text: string): URL | undefined {
  if (!/^https?:\/\/[^/]/i.test(text) || !URL.canParse(text)) return undefined;
  return new URL(text);
}
