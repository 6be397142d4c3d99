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

const DAY_MS = 86_400_000;

/** The error for a tag of which nothing is old enough. */
export function heldRefusal(
  { repository, digest, until }: DecidedContent & { readonly until: number },
  { rule, now }: { readonly rule: Pick<AdmissionRule, 'name'>; readonly now: number },
): RegistryError {
  const reason = `held until ${dateOf(until)}`;
  const detail = { policy: 'admission', rule: rule.name, reason, digest };
  const isSoon = until - now < DAY_MS;
  const retry = isSoon && { retryAfterMs: Math.max(1_000, until - now) };
  return new RegistryError('DENIED', `${repository}@${digest}: ${reason}`, { detail, ...retry });
}

/** Headers of a digest that a tag named before, and is served in place of another. */
export function heldHeaders({ digest, until }: { readonly digest: Digest; readonly until: number }) {
  return { warning: `199 - "held until ${dateOf(until)}"`, 'layover-held': digest };
}

/** Seconds are enough. */
export function dateOf(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+/, '');
}

/** Headers of content that is served although the rule does not admit it. */
export function auditHeaders(
  would: 'deny' | 'delay' | 'hold',
  { name }: Pick<AdmissionRule, 'name'>,
): Record<string, string> {
  return { 'layover-policy': `would-${would}; rule=${headerText(name)}` };
}

/** A name of the configuration may have any characters. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
