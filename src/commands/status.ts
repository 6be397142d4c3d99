import { printableText } from '../audit/recorded-text.ts';
import { ControlError } from '../operations/control-error.ts';
import type { Problem } from '../operations/problem-control.ts';
import type { ServiceStatus, UpstreamSummary, Verdict } from '../operations/status-control.ts';
import type { CacheOutput } from './cache.ts';
import type { CacheTarget, ServerViews } from './cache-target.ts';
import { formatBytes, formatSpan, formatTime, renderColumns } from './table.ts';

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
  const rows = [
    ['server', `layover ${version}, running for ${formatSpan(now - Date.parse(startedAt))}`],
    ...describeRatio(ratio),
    ...describeSaved(saved),
    ['storage', `${formatBytes(disk.used)}${quota}${free}`],
    ['fills', `${fills.running} running, ${fills.waiters} clients waiting`],
    ...upstreams.map((upstream) => ['upstream', describeUpstream(upstream)]),
  ];
  const lines = rows.map(([name = '', value = '']) => `${name.padEnd(9)} ${printableText(value)}\n`);
  return [`${printableText(text)}\n\n`, ...lines, ...renderProblems(problems, now)].join('');
}

/** Absent before the first pull of the day. */
function describeRatio({ h1, d1 }: ServiceStatus['ratio']): string[][] {
  const percent = (ratio: number) => `${Math.floor(ratio * 100)} %`;
  if (d1 === undefined) return [];
  const day = `${percent(d1)} of the pulls in 24 h`;
  return [['cached', h1 === undefined ? day : `${percent(h1)} of the pulls in 1 h, ${percent(d1)} in 24 h`]];
}

/** Absent while nothing was saved. */
function describeSaved({ d1, sinceInstall, since }: ServiceStatus['saved']): string[][] {
  const total = `${formatBytes(sinceInstall)} since ${since === undefined ? 'the start' : formatTime(since)}`;
  if (sinceInstall > 0) return [['saved', d1 > 0 ? `${formatBytes(d1)} in 24 h, ${total}` : total]];
  return d1 > 0 ? [['saved', `${formatBytes(d1)} in 24 h`]] : [];
}

function describeUpstream({ name, breaker, since, offlineUntil, failing }: UpstreamSummary): string {
  if (offlineUntil !== undefined) return `${name}: offline until ${formatTime(offlineUntil)}`;
  if (failing !== undefined && breaker === 'closed') return `${name}: all of the last requests failed (${failing})`;
  if (breaker === 'closed') return `${name}: available`;
  return `${name}: does not respond${since === undefined ? '' : ` since ${formatTime(since)}`}`;
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
  const todo = [...new Set(problems.map(({ cause, todo: advice, docs }) => `${cause}: ${advice} (${docs})`))];
  return [
    '\n',
    renderColumns(['PROBLEM', 'CAUSE', 'ABOUT', '>COUNT', '>LAST'], rows),
    '\n',
    ...todo.map((each) => `${each}\n`),
  ];
}
