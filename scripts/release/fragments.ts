import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { CATEGORIES, type Category, type Change } from './changelog.ts';

export interface Fragment extends Change {
  readonly file: string;
}

const EXPLANATION = 'README.md';

/**
 * The files of `changes/`, by name.
 *
 * @throws {Error} when one has a wrong name, or no text
 */
export async function readFragments(directory: string): Promise<Fragment[]> {
  const names = (await readdir(directory)).filter((name) => name !== EXPLANATION && !name.startsWith('.'));
  return Promise.all(
    names.toSorted().map(async (name) => parseFragment(name, await readFile(join(directory, name), 'utf8'))),
  );
}

function parseFragment(file: string, content: string): Fragment {
  const category = /^.+\.([a-z]+)\.md$/.exec(file)?.[1];
  if (!isCategory(category)) {
    throw new Error(`changes/${file}: the name must be <what>.<category>.md (category: ${CATEGORIES.join(', ')})`);
  }
  const text = content
    .trim()
    .replace(/^[-*] /, '')
    .replaceAll(/\s*\n\s*/g, ' ');
  if (text === '') throw new Error(`changes/${file}: is empty (write one entry of the changelog)`);
  if (text.startsWith('#') || / [-*] /.test(text))
    throw new Error(`changes/${file}: must be one entry (use a file each)`);
  return { file, category, text };
}

function isCategory(name: string | undefined): name is Category {
  return (CATEGORIES as readonly (string | undefined)[]).includes(name);
}
