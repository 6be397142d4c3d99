import { join } from 'node:path';

import type { Architecture } from '../../scripts/packaging/architecture.ts';
import { NPM_CPU } from '../../scripts/packaging/architecture.ts';
import { factsOf } from '../../scripts/packaging/facts.ts';
import { missingPrograms } from '../support/programs.ts';

export const ROOT = join(import.meta.dirname, '../..');
/** Apart from what `npm run image` and `npm run deb` make. */
export const OUT = join(ROOT, 'build/test');

/** Absent on a machine that packages are not made for. */
export const ownArchitecture = Object.entries(NPM_CPU).find(([, cpu]) => cpu === process.arch)?.[0] as
  | Architecture
  | undefined;

export const facts = await factsOf(ROOT, {});

/** Says why something is not tested. @returns whether it is not */
export async function isSkipped(
  what: string,
  { programs = [], root = false }: { readonly programs?: readonly string[]; readonly root?: boolean },
): Promise<boolean> {
  const lacks = [
    ...(ownArchitecture === undefined ? [`an architecture of packages (it is ${process.arch})`] : []),
    ...(root && process.getuid?.() !== 0 ? ['root'] : []),
    ...(await missingPrograms(programs)),
  ];
  if (lacks.length > 0) console.warn(`skipped: ${what}: this machine lacks ${lacks.join(', ')}`);
  return lacks.length > 0;
}
