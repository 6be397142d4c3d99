import type { Digest } from '../oci/digest.ts';
import { isDigest } from '../oci/digest.ts';
import { packDigest, unpackDigest } from '../usage/index-keys.ts';
import type { PullKind, PullOutcome, PullRecord } from './pull-record.ts';

const FORMAT = 1;

type Text = string | null;

/** A record in the store: without the names of its fields, which are longer than the values. */
export type PullRow = readonly [
  format: number,
  at: number,
  kind: PullKind,
  outcome: PullOutcome,
  repository: string,
  requestedAs: Text,
  upstream: Text,
  /** `=` for the digest of the record. */
  reference: Text,
  digest: Text,
  index: Text,
  platform: Text,
  error: Text,
  user: Text,
  address: Text,
  userAgent: Text,
  count: number,
  bytes: number,
];

export function toRow(record: PullRecord): PullRow {
  const { at, kind, outcome, repository, requestedAs, upstream, digest, index, platform, error } = record;
  const { user, address, userAgent, count, bytes } = record;
  return [
    FORMAT,
    at,
    kind,
    outcome,
    repository,
    requestedAs ?? null,
    upstream ?? null,
    toReference(record),
    packed(digest),
    packed(index),
    platform ?? null,
    error ?? null,
    user ?? null,
    address ?? null,
    userAgent ?? null,
    count,
    bytes,
  ];
}

/** @returns undefined for a record of another version */
export function fromRow(row: unknown): PullRecord | undefined {
  if (!Array.isArray(row) || row[0] !== FORMAT) return undefined;
  const [, at, kind, outcome, repository, requestedAs, upstream, reference, digest, index, ...more] =
    row as unknown as PullRow;
  const [platform, error, user, address, userAgent, count, bytes] = more;
  const served = unpacked(digest);
  const fields = {
    at,
    kind,
    outcome,
    repository,
    requestedAs,
    upstream,
    reference: fromReference(reference, served),
    digest: served,
    index: unpacked(index),
    platform,
    error,
    user,
    address,
    userAgent,
    count,
    bytes,
  };
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined),
  ) as unknown as PullRecord;
}

function toReference({ reference, digest }: PullRecord): Text {
  if (reference === undefined) return null;
  return reference === digest ? '=' : reference;
}

function fromReference(text: Text, digest: Digest | undefined): string | undefined {
  return text === '=' ? digest : (text ?? undefined);
}

function packed(digest: Digest | undefined): Text {
  return digest === undefined ? null : packDigest(digest);
}

function unpacked(text: Text): Digest | undefined {
  if (text === null) return undefined;
  const digest = unpackDigest(text);
  return isDigest(digest) ? digest : undefined;
}
