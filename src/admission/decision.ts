import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { AdmissionRule } from './rule.ts';

/** Whether clients get a manifest. `later`: this cannot be decided now. */
export interface Decision {
  readonly outcome: 'allow' | 'deny' | 'later';
  /** For people. */
  readonly reason: string;
  /** Unix milliseconds. Absent: until the rules change. */
  readonly until?: number | undefined;
}

/** Content that a decision is about. */
export interface DecidedContent {
  /** Stored name. */
  readonly repository: string;
  readonly digest: Digest;
}

/** After this, content that could not be decided is decided again. Milliseconds. */
export const LATER_MS = 30_000;

/** The error for a client that does not get the content. */
export function refusalOf(
  { outcome, reason, until }: Decision,
  { repository, digest }: DecidedContent,
  { rule, now }: { readonly rule: Pick<AdmissionRule, 'name'>; readonly now: number },
): RegistryError {
  const message = `${repository}@${digest}: ${reason}`;
  const detail = { policy: 'admission', rule: rule.name, reason, digest };
  if (outcome === 'deny') return new RegistryError('DENIED', message, { detail });
  const retryAfterMs = Math.max(1_000, (until ?? now + LATER_MS) - now);
  return new RegistryError('UNAVAILABLE', message, { detail, retryAfterMs });
}

/** Headers of content that is served although the rule does not admit it. */
export function auditHeaders({ outcome }: Decision, { name }: Pick<AdmissionRule, 'name'>): Record<string, string> {
  return { 'layover-policy': `would-${outcome === 'deny' ? 'deny' : 'delay'}; rule=${headerText(name)}` };
}

/** A name of the configuration may have any characters. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
