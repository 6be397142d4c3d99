import type { PullRecord } from '../audit/pull-record.ts';
import { printableText } from '../audit/recorded-text.ts';
import type { PullQuery } from '../operations/pull-log.ts';
import type { CacheOutput } from './cache.ts';
import type { CacheTarget } from './cache-target.ts';
import { formatBytes, renderColumns } from './table.ts';

const LIMIT = 100;
/** Pulls in one request. */
const PAGE = 1_000;

/** `audit pulls` */
export async function listPulls(target: CacheTarget, query: PullQuery, output: CacheOutput): Promise<void> {
  if (output.json) {
    const all = pullsOf(target, query, query.limit ?? Infinity);
    for await (const pull of all) output.out.write(`${JSON.stringify(pull)}\n`);
    return;
  }
  const pulls: PullRecord[] = [];
  for await (const pull of pullsOf(target, query, query.limit ?? LIMIT)) pulls.push(pull);
  output.out.write(pulls.length === 0 ? 'no recorded pull matches\n' : renderPulls(pulls));
}

/** As a table. */
export function renderPulls(pulls: readonly PullRecord[]): string {
  const head = ['TIME', 'CLIENT', 'KIND', 'IMAGE', 'DIGEST', 'PLATFORM', 'OUTCOME', '>COUNT', '>BYTES', 'USER AGENT'];
  return renderColumns(head, pulls.map(toRow));
}

/** Page by page. */
export async function* pullsOf(
  { pulls: log }: CacheTarget,
  query: PullQuery,
  limit: number,
): AsyncGenerator<PullRecord> {
  let [cursor, left]: [string | undefined, number] = [undefined, limit];
  do {
    const page = await log.findPulls({ ...query, cursor, limit: Math.min(PAGE, left) });
    yield* page.pulls;
    left -= page.pulls.length;
    ({ cursor } = page);
  } while (cursor !== undefined && left > 0);
}

function toRow(pull: PullRecord): string[] {
  const { at, user, address, kind, digest = '', platform = '', outcome, error, count, bytes, userAgent = '' } = pull;
  const client = [user, address].filter((part) => part !== undefined).join(' ') || 'unknown';
  const time = new Date(at).toISOString().replace(/\.\d+/, '');
  const result = error === undefined ? outcome : `${outcome} (${error})`;
  const cells = [time, client, kind, imageOf(pull), shortDigest(digest), platform, result];
  return [...cells, String(count), formatBytes(bytes), userAgent].map(printableText);
}

/** Failed requests of a client that varies them are counted without their names. */
function imageOf({ repository, reference }: PullRecord): string {
  if (repository === '') return '(various)';
  if (reference === undefined) return repository;
  return reference.includes(':') ? `${repository}@${shortDigest(reference)}` : `${repository}:${reference}`;
}

function shortDigest(digest: string): string {
  return digest.slice(0, digest.indexOf(':') + 13);
}
