import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The part of the dashboard that runs in browsers. It imports only types of the rest. */
export const PAGE = 'src/dashboard/page';

/** A part of `dist/`, with what its build depends on; packages by the lock file. */
export interface BuildPart {
  readonly inputs: readonly string[];
  /** A folder below the inputs that is none of them. */
  readonly except?: string;
}

const SHARED = ['package.json', 'package-lock.json', 'tsconfig.json', 'scripts/build'];

export const PARTS = {
  program: { inputs: [...SHARED, 'tsconfig.build.json', 'src'], except: PAGE },
  dashboard: { inputs: [...SHARED, PAGE] },
} as const satisfies Readonly<Record<string, BuildPart>>;

/** @returns a sum of the names and contents of all files that the build of a part reads */
export async function hashInputs(root: string, { inputs, except }: BuildPart): Promise<string> {
  const hash = createHash('sha256');
  for (const input of inputs) {
    for (const path of await listFiles(root, input)) {
      if (except !== undefined && path.startsWith(`${except}/`)) continue;
      const content = await readFile(join(root, path));
      hash.update(`${path}\0${content.length}\0`).update(content);
    }
  }
  return hash.digest('hex');
}

async function listFiles(root: string, input: string): Promise<string[]> {
  if (input.includes('.')) return [input];
  const entries = await readdir(join(root, input), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .toSorted();
}
