import { printableText } from '../audit/recorded-text.ts';
import type { PullRecord } from '../audit/pull-record.ts';
import { ControlError } from '../operations/control-error.ts';
import type { DeniedView, RecallRequest } from '../operations/recall-control.ts';
import type { CacheOutput } from './cache.ts';
import type { CacheTarget } from './cache-target.ts';
import { pullsOf, renderPulls } from './audit.ts';
import { renderColumns } from './table.ts';

/** Pulls that are listed for each digest. */
const LIMIT = 1_000;

/** `recall` */
export async function recallContent(target: CacheTarget, request: RecallRequest, output: CacheOutput): Promise<void> {
  await target.recalls.recall(request);
  const { out, json } = output;
  const pulls = await pullsBefore(target, request.digests);
  if (json) {
    out.write(`${JSON.stringify({ recalled: request.digests, pulls })}\n`);
    return;
  }
  for (const digest of request.digests) out.write(`recalled ${digest}\n`);
  out.write(pulls === undefined ? '\nwho has pulled it is not recorded: audit.keep is off\n' : describePulls(pulls));
}

/** `recall --lift` */
export async function liftRecalls(target: CacheTarget, digests: readonly string[], output: CacheOutput): Promise<void> {
  const denied = await target.recalls.lift(digests);
  if (output.json) {
    output.out.write(`${JSON.stringify({ lifted: digests })}\n`);
    return;
  }
  for (const digest of digests) {
    const still = denied.digests.find((each) => each.digest === digest);
    output.out.write(`lifted ${digest}${still ? `, which ${still.origin} still denies` : ''}\n`);
  }
}

/** `recall --list` */
export async function listDenied(target: CacheTarget, output: CacheOutput): Promise<void> {
  const denied = await target.recalls.denied();
  if (output.json) output.out.write(`${JSON.stringify(denied)}\n`);
  else output.out.write(describeDenied(denied));
}

function describeDenied({ digests, names }: DeniedView): string {
  if (digests.length + names.length === 0) return 'nothing is denied\n';
  const rows = digests.map(({ digest, origin, recalledAt, reason = '' }) => [
    digest,
    origin,
    recalledAt === undefined ? '' : new Date(recalledAt).toISOString().replace(/\.\d+/, ''),
    printableText(reason),
  ]);
  const denied = [...rows, ...names.map((name) => [printableText(name), 'name', '', ''])];
  return renderColumns(['DENIED', 'BY', 'SINCE', 'REASON'], denied);
}

/** The newest pulls of each. Absent when pulls are not recorded. */
async function pullsBefore(target: CacheTarget, digests: readonly string[]): Promise<PullRecord[] | undefined> {
  const pulls: PullRecord[] = [];
  try {
    for (const digest of digests) for await (const pull of pullsOf(target, { digest }, LIMIT)) pulls.push(pull);
  } catch (err) {
    if (err instanceof ControlError && err.reason === 'not-found') return undefined;
    throw err;
  }
  return pulls.filter(({ outcome }) => outcome !== 'refused' && outcome !== 'failed');
}

function describePulls(pulls: readonly PullRecord[]): string {
  return pulls.length === 0 ? '\nno recorded pull of it\n' : `\nPulled by:\n${renderPulls(pulls)}`;
}
