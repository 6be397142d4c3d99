import { missingPrograms, whyNotBuilt } from '../support/programs.ts';

/** Says so when this machine lacks something. @returns whether it does */
export async function whyNotTested(
  what: string,
  programs: readonly string[],
  { needsRoot }: { readonly needsRoot: boolean },
): Promise<boolean> {
  const missing = await missingPrograms(programs);
  for (const program of missing) {
    const reason = await whyNotBuilt(program);
    if (reason !== undefined) console.warn(`skipped: ${program} could not be installed: ${reason}`);
  }
  const wants = [...(!needsRoot || process.getuid?.() === 0 ? [] : ['root']), ...missing];
  if (wants.length > 0) console.warn(`${what} is not tested: this machine lacks ${wants.join(', ')}`);
  return wants.length > 0;
}
