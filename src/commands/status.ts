import { printableText } from '../audit/recorded-text.ts';
import { ControlError } from '../operations/control-error.ts';
import type { Problem } from '../operations/problem-control.ts';
import type { ServiceStatus, UpstreamSummary, Verdict } from '../operations/status-control.ts';
import type { CacheOutput } from './cache.ts';
import type { CacheTarget, ServerViews } from './cache-target.ts';
import { formatBytes, formatSpan, renderColumns } from './table.ts';

const EXIT_CODES: Readonly<Record<Verdict, number>> = { working: 0, idle: 0, failing: 1, degraded: 2, offline: 2 };

/** `layover status`. @returns the exit code */
export async function showStatus(target: CacheTarget, output: CacheOutput): Promise<number> {
  const status = await viewsOf(target).status();
  output.out.write(output.json ? `${JSON.stringify(status)}\n` : renderStatus(status, output.now()));
  return EXIT_CODES[status.verdict];
}

/** @throws {ControlError} without a running server */
export function viewsOf({ views }: CacheTarget): ServerViews {
  if (!views) throw new ControlError('unavailable', 'no server is running; its state is in its memory');
  return views;
}

function renderStatus(status: ServiceStatus, now: number): string {
  const { text, version, startedAt, ratio, saved, disk, fills, upstreams, problems } = status;
  const quota = disk.quota === undefined ? '' : ` of ${formatBytes(disk.quota)}`;
  const free = disk.free === undefined ? '' : `, ${formatBytes(disk.free)} free on disk`;
  const since = saved.since === undefined ? '' : ` since ${saved.since.slice(0, 10)}`;
  const rows = [
    ['server', `layover ${version}, running for ${formatSpan(now - Date.parse(startedAt))}`],
    ['cached', `${percent(ratio.h1)} of the pulls in 1 h, ${percent(ratio.d1)} in 24 h`],
    ['saved', `${formatBytes(saved.d1)} in 24 h, ${formatBytes(saved.sinceInstall)}${since}`],
    ['storage', `${formatBytes(disk.used)}${quota}${free}`],
    ['fills', `${fills.running} running, ${fills.waiters} clients waiting`],
    ...upstreams.map((upstream) => ['upstream', describeUpstream(upstream)]),
  ];
  const lines = rows.map(([name = '', value = '']) => `${name.padEnd(9)} ${printableText(value)}\n`);
  return [`${printableText(text)}\n\n`, ...lines, ...renderProblems(problems, now)].join('');
}

function percent(ratio: number | undefined): string {
  return ratio === undefined ? '-' : `${Math.floor(ratio * 100)} %`;
}

function describeUpstream({ name, breaker, since, offlineUntil, failing }: UpstreamSummary): string {
  if (offlineUntil !== undefined) return `${name}: offline until ${offlineUntil}`;
  if (failing !== undefined && breaker === 'closed') return `${name}: all of the last requests failed (${failing})`;
  if (breaker === 'closed') return `${name}: available`;
  return `${name}: does not respond${since === undefined ? '' : ` since ${since}`}`;
}

/** Texts of upstreams and clients cannot control the terminal. */
function renderProblems(problems: readonly Problem[], now: number): readonly string[] {
  if (problems.length === 0) return [];
  const rows = problems.map(({ severity, cause, upstream, subject, count, lastAt }) => [
    severity,
    cause,
    printableText([upstream, subject].filter((each) => each !== undefined).join(' ')).slice(0, 60),
    String(count),
    `${formatSpan(now - Date.parse(lastAt))} ago`,
  ]);
  const todo = [...new Set(problems.map((problem) => `${problem.cause}: ${problem.todo}`))];
  return [
    '\n',
    renderColumns(['PROBLEM', 'CAUSE', 'ABOUT', '>COUNT', '>LAST'], rows),
    '\n',
    ...todo.map((each) => `${each}\n`),
  ];
}
