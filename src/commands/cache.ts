import { setTimeout as sleep } from 'node:timers/promises';

import type {
  CacheStats,
  ContentDetails,
  ContentEntry,
  EvictOptions,
  ListQuery,
  PartView,
  PinView,
  ScrubStatus,
} from '../operations/cache-control.ts';
import type { CacheTarget } from './cache-target.ts';
import { ProgressBar, type ProgressOutput } from './progress-bar.ts';
import { formatBytes, formatSpan, renderColumns } from './table.ts';

/** Where and how a command of `cache` prints. */
export interface CacheOutput {
  readonly out: ProgressOutput;
  /** For progress. Only the result goes to {@link out}. */
  readonly err: ProgressOutput;
  readonly json: boolean;
  readonly now: () => number;
}

/** `cache list` */
export async function listCache({ control }: CacheTarget, query: ListQuery, output: CacheOutput): Promise<void> {
  const page = await control.list(query);
  if (output.json) return printJson(output, page);
  if (page.entries.length === 0) {
    output.out.write(query.filter === undefined ? 'no stored images\n' : `no stored image matches "${query.filter}"\n`);
    return;
  }
  const now = output.now();
  const head = ['NAME', 'DIGEST', '>SIZE', '>USED', '>EXPIRES', ''];
  output.out.write(
    renderColumns(
      head,
      page.entries.map((entry) => listRow(entry, now)),
    ),
  );
  if (page.cursor !== undefined) output.out.write(`next page: --cursor ${page.cursor}\n`);
}

/** `cache show` */
export async function showCached({ control }: CacheTarget, name: string, output: CacheOutput): Promise<void> {
  const details = await control.show(name);
  if (output.json) return printJson(output, details);
  output.out.write(describe(details, output.now()));
}

/** `cache pin` */
export async function pinCached(target: CacheTarget, pattern: string, output: CacheOutput): Promise<void> {
  await target.control.pin(pattern);
  await listPins(target, output);
}

/** `cache pins` */
export async function listPins({ control }: CacheTarget, output: CacheOutput): Promise<void> {
  const pins = await control.pins();
  if (output.json) return printJson(output, { pins });
  output.out.write(pins.length === 0 ? 'no pins\n' : renderColumns(['PIN', 'BY'], pins.map(pinRow)));
}

/** `cache unpin` */
export async function unpinCached({ control }: CacheTarget, pattern: string, output: CacheOutput): Promise<void> {
  await control.unpin(pattern);
  if (output.json) printJson(output, {});
  else output.out.write(`removed the pin ${pattern}\n`);
}

/** `cache evict` */
export async function evictCached(
  { control }: CacheTarget,
  { name, ...options }: EvictOptions & { readonly name: string },
  output: CacheOutput,
): Promise<void> {
  const evicted = await control.evict(name, options);
  if (output.json) return printJson(output, evicted);
  output.out.write(`evicted ${evicted.references} manifests and blobs, ${formatBytes(evicted.bytes)} freed\n`);
}

/** `cache refresh` */
export async function refreshCached({ control }: CacheTarget, name: string, output: CacheOutput): Promise<void> {
  const refreshed = await control.refresh(name);
  if (output.json) return printJson(output, refreshed);
  const { changed, digest, fetched } = refreshed;
  output.out.write(`${name} ${changed ? 'now' : 'still'} points to ${digest}\n`);
  if (fetched.blobs > 0) output.out.write(`fetched ${fetched.blobs} blobs, ${formatBytes(fetched.bytes)}\n`);
}

/** `cache stats` */
export async function showStats({ control }: CacheTarget, output: CacheOutput): Promise<void> {
  const stats = await control.stats();
  if (output.json) return printJson(output, stats);
  output.out.write(describeStats(stats, output.now()));
}

export interface ScrubRequest {
  /** Shows the progress, and starts nothing. */
  readonly status: boolean;
  /** Waits until the scrub is finished. */
  readonly wait: boolean;
}

/** Interval of the requests for its status. Milliseconds. */
const POLL_MS = 500;

/** `cache scrub`. @returns the exit code: 2 when a blob is damaged or unreadable */
export async function scrubCache(target: CacheTarget, request: ScrubRequest, output: CacheOutput): Promise<number> {
  const { control, stopped } = target;
  let status = await (request.status ? control.scrubStatus() : control.startScrub());
  const bar = new ProgressBar(output.err);
  while (status.running && (request.wait || stopped)) {
    bar.update('scrub', { done: Math.floor(status.progress * 100), total: 100 });
    await sleep(POLL_MS);
    status = await control.scrubStatus();
  }
  bar.end();
  if (output.json) printJson(output, status);
  else output.out.write(describeScrub(status, output.now()));
  return status.damaged.length + status.unreadable.length > 0 ? 2 : 0;
}

function printJson({ out }: CacheOutput, value: unknown): void {
  out.write(`${JSON.stringify(value, null, 2)}\n`);
}

function listRow({ repository, tags, digest, size, lastUsedAt, ...entry }: ContentEntry, now: number): string[] {
  const name = tags.length === 0 ? repository : `${repository}:${tags.join(',')}`;
  const expires = entry.expiresAt === undefined ? 'never' : formatSpan(entry.expiresAt - now);
  const marks = [entry.pinned ? 'pinned' : '', entry.hosted ? 'hosted' : ''].filter(Boolean).join(' ');
  return [name, shortDigest(digest), formatBytes(size), `${formatSpan(now - lastUsedAt)} ago`, expires, marks];
}

function describe(details: ContentDetails, now: number): string {
  const { repository, tags, digest, kind, size, lastUsedAt, expiresAt, pinned, hosted, parts } = details;
  const fields: [string, string][] = [
    ['repository', repository],
    ['digest', digest],
    ['kind', kind],
    ...(kind === 'manifest' ? [['tags', tags.join(', ') || 'none'] as [string, string]] : []),
    ['size', formatBytes(size)],
    ['last used', `${formatSpan(now - lastUsedAt)} ago (${new Date(lastUsedAt).toISOString()})`],
    ['expires', expiresAt === undefined ? 'never' : `in ${formatSpan(expiresAt - now)}`],
    ['pinned', pinned ? 'yes' : 'no'],
    ...(hosted ? [['hosted', 'yes: never expires, never evicted'] as [string, string]] : []),
  ];
  const list = fields.map(([label, value]) => `${label.padEnd(11)} ${value}\n`).join('');
  if (parts.length === 0) return list;
  return `${list}\n${renderColumns(
    ['PART', '>SIZE', '>USED', 'ALSO IN'],
    parts.map((part) => partRow(part, now)),
  )}`;
}

function partRow({ digest, kind, size, lastUsedAt, sharedWith }: PartView, now: number): string[] {
  if (kind === undefined || size === undefined || lastUsedAt === undefined) return [digest, 'not stored', '', ''];
  const others = sharedWith.length > 3 ? `${sharedWith.length} repositories` : sharedWith.join(', ');
  return [digest, formatBytes(size), `${formatSpan(now - lastUsedAt)} ago`, others];
}

function pinRow({ pattern, from, bundle }: PinView): string[] {
  return [pattern, bundle === undefined ? from : `bundle:${bundle}`];
}

function describeStats(stats: CacheStats, now: number): string {
  const { bytes, digests, references, repositories, quota, ttlMs, oldestUseAt, pins, complete, scrub } = stats;
  const limit = quota ? ` of ${formatBytes(quota.size)} (${Math.round((bytes / quota.size) * 100)}%)` : ', no quota';
  const fields: [string, string][] = [
    ['stored', `${formatBytes(bytes)}${limit}`],
    ['contents', `${digests} digests in ${repositories} repositories, ${references} links`],
    ['expires', ttlMs === 0 ? 'never' : `after ${formatSpan(ttlMs)} without use`],
    ['oldest use', oldestUseAt === undefined ? 'none' : `${formatSpan(now - oldestUseAt)} ago`],
    ['pins', String(pins)],
    ['index', complete ? 'complete' : 'incomplete (run: layover index rebuild)'],
    ['scrub', describeScrub(scrub, now).trim()],
  ];
  return fields.map(([label, value]) => `${label.padEnd(11)} ${value}\n`).join('');
}

function describeScrub(
  { running, blobs, bytes, damaged, unreadable, progress, finishedAt, error }: ScrubStatus,
  now: number,
): string {
  const read = `${blobs} blobs, ${formatBytes(bytes)} read`;
  const wrong = [
    damaged.length === 0 ? 'none damaged' : `${damaged.length} damaged, quarantined: ${damaged.join(', ')}`,
    ...(unreadable.length === 0 ? [] : [`${unreadable.length} unreadable: ${unreadable.join(', ')}`]),
  ].join(', ');
  if (running) return `running, ${Math.floor(progress * 100)}%: ${read}, ${wrong}\n`;
  if (error !== undefined) return `stopped (${error}): ${read}, ${wrong}\n`;
  if (finishedAt === undefined) return 'never\n';
  return blobs === 0 ? `last finished ${formatSpan(now - finishedAt)} ago\n` : `finished: ${read}, ${wrong}\n`;
}

function shortDigest(digest: string): string {
  return digest.slice(0, digest.indexOf(':') + 13);
}
