import { setTimeout as sleep } from 'node:timers/promises';

import { printableText } from '../audit/recorded-text.ts';
import type { ClientList, ClientView } from '../operations/activity-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { FillList, FillView } from '../operations/fill-control.ts';
import type { HistoryView, ServiceStatus } from '../operations/status-control.ts';
import type { CacheOutput } from './cache.ts';
import type { CacheTarget } from './cache-target.ts';
import { viewsOf } from './status.ts';
import { formatBytes, renderColumns } from './table.ts';

export interface TopOptions {
  readonly intervalMs: number;
  /** Absent: until interrupted. */
  readonly count?: number | undefined;
}

interface View {
  readonly status: ServiceStatus;
  readonly history: HistoryView;
  readonly fills: FillList;
  readonly clients: ClientList;
}

const CLEAR = '\u001b[2J\u001b[H';
const ROWS = 10;
/** Shorter ones would be work for the server without use for the reader. Milliseconds. */
const MIN_INTERVAL_MS = 500;

/** `layover top` */
export async function watchServer(target: CacheTarget, options: TopOptions, output: CacheOutput): Promise<void> {
  const { intervalMs, count = Infinity } = options;
  if (!(intervalMs >= MIN_INTERVAL_MS)) throw new ControlError('invalid', '--interval must be 0.5 or more seconds');
  const views = viewsOf(target);
  for (let shown = 1; ; shown++) {
    const [status, history, fills, clients] = await Promise.all([
      views.status(),
      views.history('1h'),
      views.fills(),
      views.clients(),
    ]);
    const view = { status, history, fills, clients };
    if (output.out.isTTY && !output.json) output.out.write(CLEAR);
    output.out.write(output.json ? `${JSON.stringify(view)}\n` : renderTop(view));
    if (shown >= count) return;
    await sleep(intervalMs);
  }
}

function renderTop({ status, history, fills, clients }: View): string {
  return [
    `${printableText(status.text)}\n`,
    `${ratesOf(history)}\n\n`,
    fills.total === 0 ? 'no fills\n' : renderFills(fills),
    '\n',
    clients.clients.length === 0 ? 'no clients\n' : renderClients(clients),
  ].join('');
}

/** Of the last complete step: the current one is incomplete. */
function ratesOf({ series, stepSeconds }: HistoryView): string {
  const rate = (name: string) => (series[name]?.at(-2) ?? 0) / stepSeconds;
  const requests = `${rate('requests').toFixed(1)} requests/s`;
  return `${requests}, ${formatBytes(rate('clientBytes'))}/s to clients, ${formatBytes(rate('upstreamBytes'))}/s from upstreams`;
}

function renderFills({ fills, total }: FillList): string {
  const rows = fills.slice(0, ROWS).map(fillRow);
  const more = total > ROWS ? `and ${total - ROWS} more\n` : '';
  return renderColumns(['FILL', 'REPOSITORY', '>DONE', '>SIZE', '>RATE', '>CLIENTS'], rows) + more;
}

function fillRow({ digest, repositories, size, written, bytesPerSecond, waiters, state }: FillView): string[] {
  return [
    digest.slice(0, 19),
    printableText(repositories[0] ?? ''),
    state === 'waiting' ? 'waiting' : size === undefined ? '-' : `${Math.floor((written / Math.max(1, size)) * 100)} %`,
    size === undefined ? formatBytes(written) : formatBytes(size),
    `${formatBytes(bytesPerSecond)}/s`,
    String(waiters),
  ];
}

function renderClients({ clients }: ClientList): string {
  const rows = clients.slice(0, ROWS).map(clientRow);
  return renderColumns(['CLIENT', 'AGENT', '>REQUESTS', '>PULLS', '>CACHED', '>ERRORS', '>BYTES'], rows);
}

function clientRow({ client, agent = '', requests, pulls, hits, errors, bytes }: ClientView): string[] {
  const cached = pulls === 0 ? '-' : `${Math.floor((hits / pulls) * 100)} %`;
  const shown = printableText(agent).slice(0, 30);
  return [printableText(client), shown, String(requests), String(pulls), cached, String(errors), formatBytes(bytes)];
}
