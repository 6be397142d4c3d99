import { isDeepStrictEqual } from 'node:util';

import { parse, type TomlTable } from 'smol-toml';

import { SetupError } from './setup-error.ts';
import { valueAt } from './value-at.ts';

/** @throws {SetupError} for text that is not TOML */
export function parseToml(text: string, path: string): TomlTable {
  try {
    return parse(text);
  } catch (err) {
    const [reason = ''] = err instanceof Error ? err.message.split('\n') : [String(err)];
    throw new SetupError(`${path}: ${reason} (repair the file first; nothing was changed)`);
  }
}

export interface TomlSetting {
  /** Of the table. */
  readonly keys: readonly string[];
  readonly key: string;
  readonly value: string | boolean | readonly string[];
}

/**
 * Sets a key and leaves all other text as it is, with its comments.
 *
 * @throws {SetupError} when the text does not allow that, such as a table within a line
 */
export function setInToml(text: string, path: string, setting: TomlSetting): string {
  const before = parseToml(text, path);
  const { keys, key, value } = setting;
  if (isDeepStrictEqual(valueAt(before, [...keys, key]), value)) return text;
  const edited = edit(text, setting);
  const wanted = structuredClone(before);
  Object.assign(tableIn(wanted, keys), { [key]: value });
  if (isDeepStrictEqual(structuredClone(parseToml(edited, path)), wanted)) return edited;
  throw new SetupError(`${path}: set ${key} = ${JSON.stringify(value)} in ${headerOf(keys)} by hand, and repeat this`);
}

function edit(text: string, { keys, key, value }: TomlSetting): string {
  const lines = text.split('\n');
  const assignment = `${key} = ${toToml(value)}`;
  const start = keys.length === 0 ? -1 : lines.findIndex((line) => isDeepStrictEqual(keysOf(line), keys));
  if (start === -1 && keys.length > 0) return appended(text, `${headerOf(keys)}\n  ${assignment}\n`);
  const length = lines.slice(start + 1).findIndex((line) => /^\s*\[/.test(line));
  const end = length === -1 ? lines.length : start + 1 + length;
  const at = lines.findIndex((line, i) => i > start && i < end && new RegExp(`^\\s*["']?${key}["']?\\s*=`).test(line));
  if (at === -1) return lines.toSpliced(start + 1, 0, keys.length === 0 ? assignment : `  ${assignment}`).join('\n');
  const indent = /^\s*/.exec(lines[at] ?? '')?.[0] ?? '';
  return lines.with(at, `${indent}${assignment}`).join('\n');
}

/** The keys of a line with the header of a table. */
function keysOf(line: string): readonly string[] | undefined {
  if (!/^\s*\[(?!\[)/.test(line)) return undefined;
  try {
    const keys: string[] = [];
    for (let table: unknown = parse(line); ; table = (table as TomlTable)[keys.at(-1) ?? '']) {
      const [key] = Object.keys(table as TomlTable);
      if (key === undefined) return keys;
      keys.push(key);
    }
  } catch {
    return undefined;
  }
}

function tableIn(root: TomlTable, keys: readonly string[]): TomlTable {
  return keys.reduce<TomlTable>((table, key) => {
    if (!Object.hasOwn(table, key)) table[key] = {};
    return table[key] as TomlTable;
  }, root);
}

export function headerOf(keys: readonly string[]): string {
  return `[${keys.map((key) => (/^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key))).join('.')}]`;
}

export function toToml(value: TomlSetting['value']): string {
  return Array.isArray(value) ? `[${value.map((each) => JSON.stringify(each)).join(', ')}]` : JSON.stringify(value);
}

/** With an empty line between, when there is text. */
export function appended(text: string, more: string): string {
  return text.trim() === '' ? `${text}${more}` : `${text.replace(/\n*$/, '\n')}\n${more}`;
}
