import { Composer, type Document, Lexer, Parser } from 'yaml';

import type { ImageFinder } from './found-images.ts';

/** Text, nothing, or a list or an object of such values. Objects may occur at several places, and contain themselves. */
export type YamlValue = string | null | readonly YamlValue[] | YamlObject;

export interface YamlObject {
  readonly [key: string]: YamlValue | undefined;
}

/** Of aliases multiplied by the nodes of their anchors, as the library counts them; real files share a few settings. */
const MAX_ALIASES = 1_000;
/** The library composes nodes recursively, and V8 ends the process when a regular expression is compiled on an exhausted stack. */
const MAX_DEPTH = 100;

/**
 * The documents of a YAML or JSON file. Every scalar is text: a tag `1.10` is not a number. A damaged document is reported, and the others
 * are read. After one that is nested too deep, none is read.
 */
export function parseDocuments(text: string, found: ImageFinder): YamlObject[] {
  const composer = new Composer({ schema: 'failsafe', merge: true, uniqueKeys: false, logLevel: 'silent' });
  const documents: YamlObject[] = [];
  let count = 0;
  const read = (composed: Iterable<Document.Parsed>) => {
    for (const document of composed) documents.push(...valuesOf(document, { found, place: `document ${++count}` }));
  };
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) read(composer.next(token));
    if (parser.stack.length <= MAX_DEPTH) continue;
    found.refuse(`nested more than ${MAX_DEPTH} levels deep`);
    return documents;
  }
  for (const token of parser.end()) read(composer.next(token));
  read(composer.end());
  return documents;
}

function valuesOf(document: Document.Parsed, { found, place }: { found: ImageFinder; place: string }): YamlObject[] {
  try {
    const [error] = document.errors;
    if (error) throw error;
    const value = document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown;
    return isObject(value) ? [value] : Array.isArray(value) ? [{ '': value as YamlValue }] : [];
  } catch (err) {
    found.refuse(`not valid YAML: ${firstLine(err instanceof Error ? err.message : String(err))}`, place);
    return [];
  }
}

function firstLine(message: string): string {
  return message.split('\n', 1).join().slice(0, 200);
}

export function isObject(value: unknown): value is YamlObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function listOf(value: YamlValue | undefined): readonly YamlValue[] {
  return Array.isArray(value) ? (value as readonly YamlValue[]) : [];
}

export function textOf(value: YamlValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
