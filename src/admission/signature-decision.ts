import type { Digest } from '../oci/digest.ts';
import { type SignatureVerdict, verifyImage } from '../signatures/verify-image.ts';
import type { UpstreamLogin } from '../registry/registry.ts';
import type { Decision } from './decision.ts';
import type { SignatureCondition } from './rule.ts';
import { UpstreamSignatures, type SigningRegistry } from './upstream-signatures.ts';

/** Where a repository is. */
export interface RepositorySource {
  readonly registry: SigningRegistry;
  /** Its name in the registry. */
  readonly repository: string;
  /** Of the client, with which signatures are fetched. Absent: any account that is for the repository. */
  readonly login?: UpstreamLogin | undefined;
  /** Only stored content is available: missing signatures will not appear. */
  readonly isOffline: boolean;
}

/** Longest time for all signatures of a manifest. Milliseconds. */
const TIMEOUT_MS = 60_000;

/** @throws as {@link verifySignatures} */
export async function decideBySignatures(
  condition: SignatureCondition,
  digest: Digest,
  source: RepositorySource,
): Promise<Decision> {
  return (await verifySignatures(condition, digest, source)).decision;
}

/** @throws when the signatures cannot be fetched, or an outdated list of them has none that is good */
export async function verifySignatures(
  condition: SignatureCondition,
  digest: Digest,
  { isOffline, ...source }: RepositorySource,
): Promise<{ readonly decision: Decision; readonly verdict: SignatureVerdict }> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const signatures = new UpstreamSignatures({ ...source, signal });
  const { authorities } = condition;
  const verdict = await verifyImage(signatures, { digest, authorities }, { signal });
  const decision = toDecision(condition, verdict);
  if (decision.outcome === 'deny' && signatures.isOutdated && !isOffline)
    throw new Error('its signatures cannot be fetched now');
  return { decision, verdict };
}

/** Pure. */
function toDecision({ by, require }: SignatureCondition, { accepted }: SignatureVerdict): Decision {
  const signers = by.filter((name) => accepted.some(({ authority }) => authority === name));
  const missing = by.filter((name) => !signers.includes(name));
  const isSigned = require === 'any' ? signers.length > 0 : missing.length === 0;
  if (isSigned) return { outcome: 'allow', reason: `signed by ${signers.join(', ')}` };
  return { outcome: 'deny', reason: `no signature of ${missing.join(require === 'any' ? ' or ' : ', ')}` };
}
