import { kindCode, kindOf, packDigest, unpackDigest } from './index-keys.ts';
import type { ContentReference, Holder, UsageRecord, Use } from './usage-index.ts';

/** Conversions between values and their form in Redis. Layout: redis/keys.ts. */

/** Key of the unreferenced digests. Part of the format in Redis, which replicas of other versions read. */
export const UNREFERENCED_KEY = ':loose';

export type ScriptArguments = readonly (string | number)[];

export function referenceArguments({ repository, digest, kind }: ContentReference): [string, string, number] {
  return [repository, packDigest(digest), kindCode(kind)];
}

export function useArguments({ size, at, onlyKnown, ...reference }: Use): ScriptArguments {
  return [...referenceArguments(reference), size ?? '', at, onlyKnown ? 1 : 0];
}

/** `<kind><digest>`: the field of a reference in the hash of its repository. */
export function toField({ digest, kind }: Pick<ContentReference, 'digest' | 'kind'>): string {
  return `${kindCode(kind)}${packDigest(digest)}`;
}

export function fromField(repository: string, field: string): ContentReference {
  return { repository, kind: kindOf(field.startsWith('0') ? 0 : 1), digest: unpackDigest(field.slice(1)) };
}

/** By digest and kind. */
export function compareFields(a: string, b: string): number {
  const [left, right] = [a.slice(1) + a.charAt(0), b.slice(1) + b.charAt(0)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** @param value `<bytes> <last use>[ <rank>]` */
export function toRecord(reference: ContentReference, value: string): UsageRecord {
  const [size = 0, lastUsedAt = 0, rank = lastUsedAt] = value.split(' ').map(Number);
  return { ...reference, size, lastUsedAt, rank };
}

/** @param fields of the hash of a digest */
export function holdersIn(fields: readonly string[]): Holder[] {
  const holders = fields.filter((field) => field.length > 1 && /^[01]/.test(field));
  return holders
    .map((field) => ({ repository: field.slice(1), kind: kindOf(field.startsWith('0') ? 0 : 1) }))
    .sort(compareHolders);
}

/** By repository and kind. */
export function compareHolders(a: Holder, b: Holder): number {
  if (a.repository !== b.repository) return a.repository < b.repository ? -1 : 1;
  return kindCode(a.kind) - kindCode(b.kind);
}

export function* inSlices<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
