import type { ChangedFile } from './change-files.ts';

/** Lines around a change. */
const CONTEXT = 2;

/** The lines that a change removes and adds, from the first to the last that differs. */
export function showChange({ target, from, to }: ChangedFile): string {
  const before = linesOf(from);
  const after = linesOf(to);
  const same = sharedLength(before, after);
  const rest = [before.slice(same), after.slice(same)].map((lines) => lines.toReversed());
  const tail = sharedLength(rest[0] ?? [], rest[1] ?? []);
  const marked = [
    ...before.slice(Math.max(0, same - CONTEXT), same).map((line) => `  ${line}`),
    ...before.slice(same, before.length - tail).map((line) => `- ${line}`),
    ...after.slice(same, after.length - tail).map((line) => `+ ${line}`),
    ...after.slice(after.length - tail, after.length - tail + CONTEXT).map((line) => `  ${line}`),
  ];
  const what = from === undefined ? ' (new)' : to === undefined ? ' (removed)' : '';
  return `${target}${what}\n${marked.map((line) => `${line.trimEnd()}\n`).join('')}`;
}

function linesOf(bytes: Buffer | undefined): string[] {
  return bytes === undefined || bytes.length === 0 ? [] : bytes.toString().replace(/\n$/, '').split('\n');
}

function sharedLength(one: readonly string[], other: readonly string[]): number {
  const at = one.findIndex((line, i) => line !== other[i]);
  return at === -1 ? Math.min(one.length, other.length) : at;
}
