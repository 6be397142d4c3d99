import { readdir, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';

export interface Import {
  /** A file of ours, from the root of the sources; or the name of a package. */
  readonly target: string;
  readonly isOurs: boolean;
  /** Leaves nothing behind when types are stripped. */
  readonly isTypeOnly: boolean;
}

export interface SourceFile {
  /** From the root of the sources, such as `http/pages/app.ts`. */
  readonly path: string;
  /** Without comments. */
  readonly code: string;
  readonly lines: number;
  readonly imports: readonly Import[];
}

export async function readSourceFiles(root: string): Promise<SourceFile[]> {
  const names = await readdir(root, { recursive: true });
  const paths = names.filter((name) => /\.tsx?$/.test(name)).toSorted();
  return Promise.all(paths.map(async (path) => parseSourceFile(path, await readFile(join(root, path), 'utf8'))));
}

export function parseSourceFile(path: string, text: string): SourceFile {
  const code = withoutComments(text);
  return { path, code, lines: text.split('\n').length - 1, imports: importsOf(path, code) };
}

// `import … from '…'`, `export … from '…'`, `import '…'`, `import('…')`; the compiler has no API to ask instead.
const IMPORT =
  /\b(?:(?:import|export)\b(?<clause>[^'"`;()]*?)\bfrom\s*|import\s*\(?\s*)(?<quote>['"])(?<specifier>[^'"\n]+)\k<quote>/g;

function importsOf(path: string, code: string): Import[] {
  return [...code.matchAll(IMPORT)].map(({ groups }) => {
    const { clause = '', specifier = '' } = groups ?? {};
    const isOurs = specifier.startsWith('.');
    const target = isOurs ? posix.join(posix.dirname(path), specifier) : packageOf(specifier);
    return { target, isOurs, isTypeOnly: isTypeOnly(clause) };
  });
}

function isTypeOnly(clause: string): boolean {
  if (/^\s*type\b(?!\s*,)/.test(clause)) return true;
  const [, names] = /^\s*\{([^}]*)\}\s*$/.exec(clause) ?? [];
  const each = names?.split(',').filter((name) => name.trim() !== '') ?? [];
  return each.length > 0 && each.every((name) => /^\s*type\s/.test(name));
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** Strings and regular expressions that hold a comment's beginning are rare enough to be told apart by what is before them. */
function withoutComments(text: string): string {
  return text
    .replace(/^#!.*/, '')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|[\s;{}(),])\/\/.*$/gm, '$1');
}
