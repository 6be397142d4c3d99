import { format } from 'node:util';

export type Functions = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;

/** The predefined functions of Go's text/template that documents use. */
export const BUILT_IN: Functions = {
  and: (...args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1),
  or: (...args) => args.find(isTrue) ?? args.at(-1),
  not: (arg) => !isTrue(arg),
  eq: (first, ...others) => others.includes(first),
  ne: (a, b) => a !== b,
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
  len: lengthOf,
  index: (value, ...keys) => keys.reduce(itemOf, value),
  print: (...args) =>
    args.map((arg, i) => (needsSpace(args[i - 1], arg) && i > 0 ? ` ${toText(arg)}` : toText(arg))).join(''),
  println: (...args) => `${args.map(toText).join(' ')}\n`,
  printf: (pattern, ...args) => format(toText(pattern).replaceAll('%v', '%s').replaceAll('%q', '%j'), ...args),
};

/** Go's truth: not the zero value, and not empty. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return Boolean(value);
}

export function toText(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(toText).join(' ')}]`;
  if (typeof value === 'object') return `{${Object.values(value).map(toText).join(' ')}}`;
  return format('%s', value);
}

/** Go's Print puts spaces between operands when neither is a string. */
function needsSpace(before: unknown, value: unknown): boolean {
  return typeof before !== 'string' && typeof value !== 'string';
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : Number(a > b);
  throw new Error('incompatible types for comparison');
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'object' && value !== null) return Object.keys(value).length;
  throw new Error(`len of ${toText(value)}`);
}

function itemOf(value: unknown, key: unknown): unknown {
  const items = value as Readonly<Record<string, unknown>> | undefined;
  const name = toText(key);
  if (typeof items === 'object' && items !== null && Object.hasOwn(items, name)) return items[name];
  throw new Error(`index out of range: ${name}`);
}
