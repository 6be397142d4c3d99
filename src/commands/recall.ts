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
const NOT_EVERYWHERE = 'layover: not every replica has confirmed this; those that did not follow within 30 s\n';

const STOPPED = 'layover: no server is running; one that uses this storage refuses the content from its start\n';

/** `recall` */
export async function recallContent(target: CacheTarget, request: RecallRequest, output: CacheOutput): Promise<void> {
  const { isEverywhere } = await target.recalls.recall(request);
  const { out, json } = output;
  if (!isEverywhere) output.err.write(NOT_EVERYWHERE);
  if (target.stopped) output.err.write(STOPPED);
  if (!json) for (const digest of request.digests) out.write(`recalled ${digest}\n`);
  // The recall is made: a record that cannot be read does not change that.
  const pulls = await pullsBefore(target, request.digests).catch((err: unknown) => {
    if (!(err instanceof ControlError)) throw err;
    output.err.write(`layover: who has pulled it is not known: ${err.message}\n`);
  });
  if (json) out.write(`${JSON.stringify({ recalled: request.digests, pulls })}\n`);
  else if (pulls) out.write(describePulls(pulls));
}

/** `recall --lift` */
export async function liftRecalls(target: CacheTarget, digests: readonly string[], output: CacheOutput): Promise<void> {
  const { isEverywhere, ...denied } = await target.recalls.lift(digests);
  if (!isEverywhere) output.err.write(NOT_EVERYWHERE);
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

/** The newest pulls of each. @throws {ControlError} when they are not recorded, or cannot be read */
async function pullsBefore(target: CacheTarget, digests: readonly string[]): Promise<PullRecord[]> {
  const pulls: PullRecord[] = [];
  for (const digest of digests) for await (const pull of pullsOf(target, { digest }, LIMIT)) pulls.push(pull);
  return pulls.filter(({ outcome }) => outcome !== 'refused' && outcome !== 'failed');
}

function describePulls(pulls: readonly PullRecord[]): string {
  return pulls.length === 0 ? '\nno recorded pull of it\n' : `\nPulled by:\n${renderPulls(pulls)}`;
}
