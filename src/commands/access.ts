import { printableText } from '../audit/recorded-text.ts';
import type {
  AccessCheckRequest,
  AccessControl,
  AccessEntry,
  AccessQuery,
  AccessReport,
  ForgetAccess,
} from '../operations/access-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { CacheOutput } from './cache.ts';
import type { CacheTarget } from './cache-target.ts';
import { formatSpan, renderColumns } from './table.ts';

/** `access list` */
export async function listDecisions(target: CacheTarget, query: AccessQuery, output: CacheOutput): Promise<void> {
  const { decisions, isCut } = await accessOf(target).accessDecisions(query);
  const { out, json, now } = output;
  if (json) out.write(`${JSON.stringify({ decisions, isCut })}\n`);
  else out.write(renderDecisions(decisions, now()));
  if (isCut) output.err.write('layover: there are more; raise --limit, or give --names\n');
}

/** `access check` @returns 1 when it is refused */
export async function checkAccess(
  target: CacheTarget,
  request: AccessCheckRequest,
  output: CacheOutput,
): Promise<number> {
  const report = await accessOf(target).checkAccess(request);
  output.out.write(output.json ? `${JSON.stringify(report)}\n` : describe(report, request));
  return report.result === 'public' || report.result === 'allowed' ? 0 : 1;
}

/** `access forget` */
export async function forgetDecisions(target: CacheTarget, request: ForgetAccess, output: CacheOutput): Promise<void> {
  const result = await accessOf(target).forgetAccess(request);
  output.out.write(output.json ? `${JSON.stringify(result)}\n` : `${result.forgotten} decisions forgotten\n`);
}

/** @throws {ControlError} `unavailable` */
function accessOf({ access }: CacheTarget): AccessControl {
  if (!access) throw new ControlError('unavailable', 'no server is running, which makes the decisions');
  return access;
}

function renderDecisions(decisions: readonly AccessEntry[], now: number): string {
  if (decisions.length === 0) return 'no decisions\n';
  const rows = decisions.map(({ repository, identity, isAllowed, decidedAt, until }) => [
    printableText(repository),
    printableText(identity),
    isAllowed ? 'may read' : 'refused',
    formatSpan(Math.max(0, now - decidedAt)),
    until > now ? formatSpan(until - now) : 'ended',
  ]);
  return renderColumns(['REPOSITORY', 'IDENTITY', 'DECISION', '>AGE', '>COUNTS FOR'], rows);
}

const RESULTS: Readonly<Record<AccessReport['result'], string>> = {
  public: 'every client may read it',
  allowed: 'may read it',
  refused: 'is refused',
  unavailable: 'gets 503: the upstream cannot be queried, and no decision counts',
};

function describe({ repository, result, account, groups }: AccessReport, { user }: AccessCheckRequest): string {
  const who = user === undefined ? 'an anonymous client ' : `${user} (${groups.join(', ') || 'in no group'}) `;
  const by = account === undefined ? '' : ` by account ${account}`;
  return `${printableText(repository)}: ${result === 'public' ? '' : printableText(who)}${RESULTS[result]}${by}\n`;
}
