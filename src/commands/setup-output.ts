import { type ClientPlan, type SetupClient, shownTexts } from '../setup/plan.ts';
import type { Verified } from '../setup/verify-client.ts';
import type { Output } from './config.ts';

export function describeVerified({ title, name }: SetupClient, { registry, reason, ...result }: Verified): string {
  if (result.isServed) return `√ ${registry}: pulled through the cache by ${title}\n`;
  if (result.isUnreachable)
    return `× ${registry}: no pull, because the daemon of ${title} cannot be reached: ${reason}\n`;
  return `× ${registry}: ${title} did not get the image from a cache: ${reason}\n    Set it up with \`layover setup ${name} --write\`; if it is, see when that takes effect, and docs/troubleshooting.md.\n`;
}

interface PrintOptions {
  readonly out: Output;
  readonly json?: boolean;
}

export function printPlan(client: SetupClient, plan: ClientPlan, { out, json }: PrintOptions): void {
  const texts = shownTexts(plan);
  const { takesEffect, enforcement, unenforced, notes } = plan;
  if (json) {
    const printed = { client: client.name, texts, takesEffect, enforcement, unenforced, notes };
    out.write(`${JSON.stringify(printed, null, 2)}\n`);
    return;
  }
  // Not indented, so that it can be pasted: a shell finds the end of a here-document only in the first column.
  for (const { title, text } of texts) out.write(`${title}:\n\n${text}\n`);
  out.write(`Takes effect ${takesEffect}.\n${notesOf(plan)}`);
}

export function notesOf(plan: ClientPlan): string {
  return `${enforcedOf(plan)}${plan.notes.map((note) => `${note}\n`).join('')}`;
}

export function enforcedOf({ enforcement, unenforced }: ClientPlan): string {
  const closed = enforcement === '' ? '' : `Enforced: ${enforcement}.\n`;
  return unenforced === undefined ? closed : `${closed}Not enforced: ${unenforced}.\n`;
}
