import { setTimeout as sleep } from 'node:timers/promises';

import type { BudgetReport, MemberBudget, PullCount, UpstreamBudget } from '../operations/budget-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { CacheOutput } from './cache.ts';
import type { CacheTarget } from './cache-target.ts';
import { formatSpan, renderColumns } from './table.ts';

export interface BudgetOptions {
  readonly upstream?: string | undefined;
  readonly watch?: boolean | undefined;
  /** Stops work that no client waits for. */
  readonly hold?: boolean | undefined;
  readonly release?: boolean | undefined;
}

const EVERY_MS = 2_000;
const CLEAR = '\u001b[2J\u001b[H';

/** `layover budget` */
export async function showBudget({ budget }: CacheTarget, options: BudgetOptions, output: CacheOutput): Promise<void> {
  if (!budget) throw new ControlError('unavailable', 'no server is running; the budget is in its memory');
  const { upstream, watch, hold, release } = options;
  if (hold || release) await budget.holdBudget({ hold: hold === true, upstream });
  do {
    const report = await budget.budget(upstream);
    if (watch && output.out.isTTY && !output.json) output.out.write(CLEAR);
    output.out.write(output.json ? `${JSON.stringify(report)}\n` : renderBudget(report, output.now()));
    if (watch) await sleep(EVERY_MS);
  } while (watch);
}

function renderBudget({ upstreams }: BudgetReport, now: number): string {
  const rows = upstreams.flatMap((each) => each.members.map((member) => rowOf(each, member, now)));
  if (rows.length === 0) return 'no upstreams\n';
  const head = ['UPSTREAM', 'ACCOUNT', '>LEFT', '>LIMIT', '>WINDOW', '>AS OF', '>EMPTY IN', 'SPENT'];
  return renderColumns(head, rows) + upstreams.map(detailsOf).join('');
}

function rowOf({ upstream }: UpstreamBudget, member: MemberBudget, now: number): string[] {
  const { limit, left, windowMs, asOf, emptyAt, trouble } = member;
  const spent = Object.entries(member.spent).map(([by, pulls]) => `${by} ${pulls}`);
  return [
    upstream,
    trouble ? `${member.member} (${trouble.reason})` : member.member,
    left === undefined ? 'no limit' : String(left),
    String(limit ?? '-'),
    windowMs === undefined ? '-' : formatSpan(windowMs),
    asOf === undefined ? '-' : formatSpan(now - asOf),
    emptyAt === undefined ? '-' : formatSpan(emptyAt - now),
    spent.length === 0 ? '-' : spent.join(', '),
  ];
}

/** Only what there is to say. */
function detailsOf({ upstream, held, members, saved }: UpstreamBudget): string {
  const total = Object.values(saved).reduce((sum, pulls) => sum + pulls, 0);
  const reasons = Object.entries(saved).filter(([, pulls]) => pulls > 0);
  const lines = [
    ...(held ? ['work that no client waits for is on hold'] : []),
    ...(total > 0 ? [`pulls saved: ${total} (${reasons.map(([by, pulls]) => `${by} ${pulls}`).join(', ')})`] : []),
    ...topOf(
      'repositories',
      members.map(({ repositories }) => repositories),
    ),
    ...topOf(
      'clients',
      members.map(({ clients }) => clients),
    ),
  ];
  return lines.map((line) => `${upstream}: ${line}\n`).join('');
}

/** Members that share a bucket have the same counts. */
function topOf(what: string, counts: readonly (readonly PullCount[])[]): string[] {
  const pulls = new Map(counts.flat().map((each) => [each.name, each.pulls]));
  if (pulls.size === 0) return [];
  const top = [...pulls].sort(([, a], [, b]) => b - a).slice(0, 5);
  return [`top ${what}: ${top.map(([name, number]) => `${name} ${number}`).join(', ')}`];
}
