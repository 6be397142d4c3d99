import { boundedText, printableText } from './recorded-text.ts';
import { type AddressDetail, recordedAddress } from './recorded-address.ts';
import type { PullKind, PullOutcome, PullRecord, ServedRequest } from './pull-record.ts';

type Counted = { -readonly [Key in keyof PullRecord]: PullRecord[Key] };

/**
 * Records of one client in a batch. Further ones are combined, so that a client that varies its requests cannot push the records of others out:
 * without user agent, and without name when they failed.
 */
const MAX_PER_CLIENT = 500;

const OUTCOMES: ReadonlyMap<string | undefined, PullOutcome> = new Map([
  ['HIT', 'hit'],
  ['MISS', 'miss'],
  ['FILL', 'fill'],
  ['STALE', 'stale'],
]);

/** Requests since the last batch, equal ones counted. Runs on every request: a repeated pull costs one key and a look-up. */
export class PullBatch {
  readonly #addresses: AddressDetail;
  #records = new Map<string, Counted>();
  /** By address and name of the client. */
  #perClient = new Map<string, number>();

  constructor(addresses: AddressDetail) {
    this.#addresses = addresses;
  }

  get size(): number {
    return this.#records.size;
  }

  /** @param now Unix milliseconds */
  add(request: ServedRequest, now: number): void {
    const kind = kindOf(request);
    if (kind === undefined) return;
    const { address, user = '', userAgent = '' } = request;
    const client = `${address}\n${boundedText(user)}`;
    const outcome = outcomeOf(request);
    const key = `${kind}\n${outcome}\n${contentOf(request, kind)}\n${boundedText(userAgent)}\n${client}`;
    const found = this.#records.get(key);
    if (found) count(found, 1, request.bytes);
    else this.#insert(key, client, toRecord(request, { kind, outcome, now, addresses: this.#addresses }));
  }

  /** Adds a record of another process of the service. */
  addRecord(record: PullRecord): void {
    const key = keyOf(record);
    const found = this.#records.get(key);
    if (found) count(found, record.count, record.bytes);
    else this.#insert(key, `${record.address}\n${record.user}`, { ...record });
  }

  #insert(key: string, client: string, record: Counted): void {
    const ofClient = (this.#perClient.get(client) ?? 0) + 1;
    if (ofClient > MAX_PER_CLIENT) return this.#combine(record);
    this.#perClient.set(client, ofClient);
    this.#records.set(key, record);
  }

  #combine(record: Counted): void {
    const hasFailed = record.outcome === 'failed' || record.outcome === 'refused';
    const combined = { ...record, userAgent: undefined, ...(hasFailed && NAMELESS) };
    const key = keyOf(combined);
    const found = this.#records.get(key);
    if (found) count(found, record.count, record.bytes);
    else this.#records.set(key, combined);
  }

  /** Removes all records. */
  take(): PullRecord[] {
    const records = [...this.#records.values()];
    this.#records = new Map();
    this.#perClient = new Map();
    return records;
  }
}

const NAMELESS = { repository: '', requestedAs: undefined, reference: undefined, upstream: undefined };

function keyOf({ kind, outcome, repository, requestedAs, reference, digest, error, ...record }: PullRecord): string {
  const { address, user, userAgent } = record;
  const content = `${repository}\n${requestedAs}\n${reference}\n${digest}\n${error}`;
  return `=\n${kind}\n${outcome}\n${content}\n${userAgent}\n${address}\n${user}`;
}

/** @returns undefined for a request that is not recorded. A 401 is not: every client with credentials gets one first. */
function kindOf({ handler, method, status, reference }: ServedRequest): PullKind | undefined {
  if (status === 401) return undefined;
  if (handler === 'blob') return method === 'GET' ? 'blobs' : undefined;
  if (handler !== 'manifest') return undefined;
  if (method === 'GET') return status === 304 ? 'check' : 'pull';
  // containerd and others resolve a tag with HEAD, and pull by digest. HEAD of a digest shows nothing more.
  return method === 'HEAD' && reference?.includes(':') === false ? 'check' : undefined;
}

function outcomeOf({ status, aborted, outcome }: ServedRequest): PullOutcome {
  if (status === 403) return 'refused';
  if (status >= 400 || aborted) return 'failed';
  return OUTCOMES.get(outcome) ?? 'bypass';
}

function contentOf({ repository, stored, reference, digest, error }: ServedRequest, kind: PullKind): string {
  const names = `${stored}\n${repository}\n${error?.code}`;
  return kind === 'blobs' ? names : `${names}\n${reference}\n${digest}`;
}

function count(record: Counted, requests: number, bytes: number): void {
  record.count += requests;
  record.bytes += bytes;
}

interface Facts {
  readonly kind: PullKind;
  readonly outcome: PullOutcome;
  readonly now: number;
  readonly addresses: AddressDetail;
}

function toRecord(request: ServedRequest, { kind, outcome, now, addresses }: Facts): Counted {
  const { repository = '', stored = repository, reference, digest, upstream, error, bytes } = request;
  const isBlobs = kind === 'blobs';
  return {
    at: now,
    kind,
    repository: stored,
    requestedAs: repository === stored ? undefined : repository,
    upstream,
    reference: isBlobs ? undefined : reference,
    digest: isBlobs ? undefined : digest,
    outcome,
    error: error?.code,
    user: printable(request.user),
    address: recordedAddress(request.address, addresses),
    userAgent: printable(request.userAgent),
    count: 1,
    bytes,
  };
}

function printable(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : printableText(boundedText(text));
}
