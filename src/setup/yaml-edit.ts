import { isDeepStrictEqual } from 'node:util';

import { type Document, isAlias, isMap, isScalar, parseDocument } from 'yaml';

import { SetupError } from './setup-error.ts';
import { valueAt } from './value-at.ts';

export interface YamlSetting {
  readonly keys: readonly string[];
  /** The entry of a list is put before others. */
  readonly value: string | boolean | readonly [entry: string];
}

const REPAIR = '(repair the file first; nothing was changed)';

/**
 * Sets values and leaves the rest as it is, with its comments.
 *
 * @returns the same text when nothing has to change
 * @throws {SetupError} when the text does not allow that
 */
export function setInYaml(text: string, path: string, settings: readonly YamlSetting[]): string {
  const document = parseDocument(text, { logLevel: 'error' });
  const content = contentOf(document, path);
  const missing = settings.filter((setting) => !isSet(content, setting));
  if (missing.length === 0) return text;
  for (const { keys, value } of missing) {
    createMaps(document, keys.slice(0, -1), path);
    const merged = withFirst(value, valueAt(content, keys), `${path}: ${keys.join('.')}`);
    document.setIn(keys, merged);
    setIn(content, keys, merged);
  }
  const edited = printed(document);
  if (edited !== undefined && isDeepStrictEqual(contentOf(parseDocument(edited), path), content)) return edited;
  // Such as an anchor in a value that is replaced.
  throw new SetupError(`${path}: set ${missing.map(({ keys }) => keys.join('.')).join(', ')} by hand, and repeat this`);
}

/** A copy: aliases share their values. */
function contentOf(document: Document, path: string): Record<string, unknown> {
  let content: unknown;
  try {
    const [error] = document.errors;
    if (error) throw error;
    content = JSON.parse(JSON.stringify(document.toJS() ?? {}));
  } catch (err) {
    const [reason = ''] = (err instanceof Error ? err.message : String(err)).split('\n');
    throw new SetupError(`${path}: ${reason} ${REPAIR}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new SetupError(`${path}: not a mapping ${REPAIR}`);
  return content as Record<string, unknown>;
}

function isSet(content: unknown, { keys, value }: YamlSetting): boolean {
  const found = valueAt(content, keys);
  return typeof value === 'object' && Array.isArray(found) ? found.includes(value[0]) : found === value;
}

/** Keys without a value get a mapping. */
function createMaps(document: Document, keys: readonly string[], path: string): void {
  for (const at of keys.map((_, i) => keys.slice(0, i + 1))) {
    const node = document.getIn(at, true);
    if (node === undefined || isMap(node)) continue;
    const name = `${path}: ${at.join('.')}`;
    if (isAlias(node)) throw new SetupError(`${name} is an alias (write its entries instead; nothing was changed)`);
    if (!isScalar(node) || node.value !== null) throw new SetupError(`${name} is not a mapping ${REPAIR}`);
    const map = document.createNode({});
    map.commentBefore = node.comment ?? node.commentBefore ?? null;
    document.setIn(at, map);
  }
}

function withFirst(value: YamlSetting['value'], found: unknown, name: string): unknown {
  if (typeof value !== 'object' || found === undefined || found === null) return value;
  if (!Array.isArray(found)) throw new SetupError(`${name} is not a list ${REPAIR}`);
  return [...value, ...(found as unknown[])];
}

function setIn(content: Record<string, unknown>, keys: readonly string[], value: unknown): void {
  let table = content;
  for (const key of keys.slice(0, -1)) {
    if (!Object.hasOwn(table, key) || table[key] === null) table[key] = {};
    table = table[key] as Record<string, unknown>;
  }
  table[keys.at(-1) ?? ''] = value;
}

/** Absent when an alias lost its anchor. */
function printed(document: Document): string | undefined {
  try {
    return document.toString({ lineWidth: 0 });
  } catch {
    return undefined;
  }
}
