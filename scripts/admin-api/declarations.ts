import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseSync } from 'vite';

/** A node of the syntax tree of TypeScript, as ESTree has it. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** An exported type or constant, with the comment in front of it. */
export interface Declaration {
  readonly name: string;
  readonly node: SyntaxNode;
  readonly doc: string;
  /** Text of its file, for comments of its members. */
  readonly text: string;
  readonly path: string;
}

const SOURCES = join(import.meta.dirname, '../../src');
/** Where the types of the API are, and those that they use. */
const PLACES = [
  'operations',
  'admin/session-routes.ts',
  'audit/pull-record.ts',
  'content/garbage/collection-result.ts',
  'content/image-check.ts',
  'oci/digest.ts',
  'registry/named-by.ts',
  'usage/rebuild.ts',
  'usage/usage-index.ts',
];

/** Every exported declaration of the files that describe the API, by name. */
export async function readDeclarations(): Promise<ReadonlyMap<string, Declaration>> {
  const paths = (await Promise.all(PLACES.map(filesOf))).flat();
  const read = await Promise.all(paths.map(async (path) => declarationsOf(path, await readFile(path, 'utf8'))));
  return new Map(read.flat().map((declaration) => [declaration.name, declaration]));
}

/** The node of a type expression. */
export function parseType(expression: string): Pick<Declaration, 'node' | 'text'> {
  const text = `export type Given = ${expression};`;
  const [given] = declarationsOf('', text);
  if (!given) throw new Error(`not a type: ${expression}`);
  return { node: given.node['typeAnnotation'] as SyntaxNode, text };
}

/** The comment right before a position, as text. Links become code. */
export function docBefore(text: string, position: number): string {
  const match = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(text.slice(0, position));
  const lines = (match?.[1] ?? '').split('\n').map((line) => line.replace(/^\s*\*? ?/, '').trim());
  const known = lines.filter((line) => !/^@(?:param|returns|throws|see)/.test(line)).join(' ');
  return known
    .replace(/\{@link (?:\S+ )?([^}]+)\}/g, '$1')
    .replace(/@default (.+?)\s*$/, 'Default: $1.')
    .trim();
}

async function filesOf(place: string): Promise<string[]> {
  if (place.endsWith('.ts')) return [join(SOURCES, place)];
  return (await readdir(join(SOURCES, place))).toSorted().map((name) => join(SOURCES, place, name));
}

function declarationsOf(path: string, text: string): Declaration[] {
  const { body } = parseSync('types.ts', text).program as unknown as { body: readonly SyntaxNode[] };
  return body.flatMap((statement) => {
    const node = statement['declaration'] as SyntaxNode | null | undefined;
    if (statement.type !== 'ExportNamedDeclaration' || !node) return [];
    const doc = docBefore(text, statement.start);
    return namesOf(node).map((name) => ({ name, node, doc, text, path }));
  });
}

function namesOf(node: SyntaxNode): string[] {
  const named = node.type === 'VariableDeclaration' ? (node['declarations'] as readonly SyntaxNode[]) : [node];
  return named.flatMap(({ id }) => {
    const { name } = (id ?? {}) as { name?: unknown };
    return typeof name === 'string' ? [name] : [];
  });
}
