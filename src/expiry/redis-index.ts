import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Digest } from '../oci/digest.ts';
import { redisKeys } from '../redis/keys.ts';
import { takeLease } from '../redis/lease.ts';
import type { Redis, RedisCommands, RedisOperation } from '../redis/redis.ts';
import { type RedisScript, runScript } from '../redis/scripts.ts';
import { packDigest, unpackDigest } from './index-keys.ts';
import { IndexUnavailableError } from './index-unavailable.ts';
import {
  fromField,
  holdersIn,
  inSlices,
  referenceArguments,
  type ScriptArguments,
  toField,
  toRecord,
  useArguments,
} from './redis-index-codec.ts';
import { RedisIndexPages } from './redis-index-pages.ts';
import {
  beginLinkScript,
  bytesRemovedScript,
  claimScript,
  deferScript,
  endLinkScript,
  losslessScript,
  oldestScript,
  putPartsScript,
  recordLooseScript,
  recordScript,
  removeScript,
  reserveScript,
} from './redis-index-scripts.ts';
import {
  ClaimLostError,
  type ContentReference,
  type Holder,
  type Marker,
  type OldestQuery,
  type PageQuery,
  type Pin,
  type RemovalClaim,
  type UsageIndex,
  type UsageRecord,
  type UsageTotals,
  type Use,
} from './usage-index.ts';

const READ: RedisOperation = { name: 'IndexRead', writes: false, patience: 'background' };
const WRITE: RedisOperation = { name: 'IndexWrite', writes: true, patience: 'background' };
/** A client may be waiting for what is being linked. */
const LINK: RedisOperation = { name: 'IndexLink', writes: true, patience: 'pull' };

/** References in one script: some 10 µs each, in which Redis does nothing else. */
const SLICE = 50;
/** Scripts under way at the same time. */
const PIPELINE = 8;
/** Milliseconds. */
const LINK_TTL_MS = 60_000;
const CLAIM_TTL_MS = 5_000;
const CLAIMED_POLL_MS = 25;
/** Fills say three times in it that they go on. Milliseconds. */
const RESERVATION_TTL_MS = 60_000;

/** How often it is looked how the server is set up. Milliseconds. */
const LOOK_MS = 60_000;

const UNAVAILABLE = Symbol('unavailable');

/**
 * The index in Redis, for all processes that have the same storage. Every change is one script, and so whole; all keys lie on one node
 * of a cluster. It is gone when Redis is flushed, and then not {@link Marker complete}.
 */
export class RedisIndex implements UsageIndex {
  readonly isShared = true;
  readonly #redis: Redis;
  readonly #pages: RedisIndexPages;
  readonly #prefix = redisKeys.index();
  #lossless: { readonly isSo: boolean; readonly at: number } | undefined;

  constructor(redis: Redis) {
    this.#redis = redis;
    this.#pages = new RedisIndexPages((work) => this.#call(READ, work));
  }

  async record(uses: readonly Use[]): Promise<void> {
    await this.#inSlices(recordScript, uses, useArguments);
  }

  async beginLink(use: Use & { readonly size: number }): Promise<() => Promise<void>> {
    const owner = randomUUID();
    const packed = packDigest(use.digest);
    const linking = redisKeys.linking(packed);
    const [, , , , at] = useArguments(use);
    const what = [...referenceArguments(use), use.size, at ?? 0];
    const begin = {
      keys: [this.#prefix, redisKeys.removal(packed), linking],
      args: [owner, LINK_TTL_MS, ...what],
    } as const;
    // Whoever removes it has it for a moment, or for as long as the claim of one that was killed counts.
    for (let waitedMs = 0; (await this.#run(LINK, beginLinkScript, begin)) === 0; waitedMs += CLAIMED_POLL_MS) {
      if (waitedMs > 2 * CLAIM_TTL_MS) throw new IndexUnavailableError(`${use.digest} is being removed`);
      await sleep(CLAIMED_POLL_MS);
    }
    const end = { keys: [this.#prefix, linking], args: [owner, ...what] } as const;
    return async () => void (await this.#run(WRITE, endLinkScript, end));
  }

  async claim(digest: Digest): Promise<RemovalClaim | undefined> {
    const packed = packDigest(digest);
    const key = redisKeys.removal(packed);
    const lease = await takeLease(this.#redis, { key, ttlMs: CLAIM_TTL_MS }, async (owner) => {
      const input = { keys: [this.#prefix, key, redisKeys.linking(packed)], args: [owner, CLAIM_TTL_MS] } as const;
      return (await this.#run(WRITE, claimScript, input)) === 1;
    });
    return (
      lease && {
        assertHeld() {
          if (lease.lost.aborted) throw new ClaimLostError(`${digest} was claimed for too long`);
        },
        release: () => lease.release(),
      }
    );
  }

  async find(reference: ContentReference): Promise<UsageRecord | undefined> {
    return (await this.findAll([reference]))[0];
  }

  async findAll(references: readonly ContentReference[]): Promise<(UsageRecord | undefined)[]> {
    const found: (UsageRecord | undefined)[] = [];
    for (const some of inSlices(references, SLICE * PIPELINE)) {
      const values = await this.#call(READ, (commands) =>
        Promise.all(some.map((each) => commands.hget(this.#repositoryKey(each.repository), toField(each)))),
      );
      found.push(...some.map((each, i) => asRecord(each, values[i])));
    }
    return found;
  }

  async oldest({ kind, before, limit }: OldestQuery): Promise<UsageRecord[]> {
    const kinds = kind === undefined ? [0, 1] : [kind === 'manifest' ? 0 : 1];
    const input = { keys: [this.#prefix], args: [before, limit, ...kinds] } as const;
    const reply = (await this.#run(WRITE, oldestScript, input)) as string[];
    const found: UsageRecord[] = [];
    for (let i = 0; i < reply.length; i += 3) {
      const [code = '', member = '', value = ''] = reply.slice(i, i + 3);
      const space = member.indexOf(' ');
      found.push(toRecord(fromField(member.slice(space + 1), code + member.slice(0, space)), value));
    }
    return found.sort((a, b) => a.rank - b.rank).slice(0, limit);
  }

  async defer(references: readonly ContentReference[], rank: number): Promise<void> {
    await this.#inSlices(deferScript, references, referenceArguments, [rank]);
  }

  async removeUnused({ lastUsedAt, ...reference }: UsageRecord): Promise<boolean> {
    const args = [...referenceArguments(reference), lastUsedAt];
    return (await this.#run(WRITE, removeScript, { keys: [this.#prefix], args })) === 1;
  }

  async remove(references: readonly ContentReference[]): Promise<void> {
    await this.#inSlices(removeScript, references, (reference) => [...referenceArguments(reference), '']);
  }

  async holders(digest: Digest): Promise<Holder[]> {
    return holdersIn(await this.#call(READ, (commands) => commands.hkeys(this.#digestKey(digest))));
  }

  async looseDigests({ after, limit }: { readonly after?: Digest; readonly limit: number }): Promise<Digest[]> {
    const start = after === undefined ? '-' : `(${packDigest(after)}`;
    const read = (commands: RedisCommands) =>
      commands.zrangebylex(`${this.#prefix}:loose`, start, '+', 'LIMIT', 0, limit);
    return (await this.#call(READ, read)).map(unpackDigest);
  }

  async recordLoose({ digest, size }: { readonly digest: Digest; readonly size: number }): Promise<void> {
    await this.#run(WRITE, recordLooseScript, { keys: [this.#prefix], args: [packDigest(digest), size] });
  }

  async bytesRemoved(digest: Digest): Promise<void> {
    await this.#run(WRITE, bytesRemovedScript, { keys: [this.#prefix], args: [packDigest(digest)] });
  }

  async partsOf(manifest: Digest): Promise<readonly Digest[] | undefined> {
    return (await this.partsOfAll([manifest]))[0];
  }

  async partsOfAll(manifests: readonly Digest[]): Promise<(readonly Digest[] | undefined)[]> {
    const read = (commands: RedisCommands) =>
      Promise.all(manifests.map((manifest) => commands.hget(this.#digestKey(manifest), 'p')));
    const stored = await this.#call(READ, read);
    return stored.map((parts) => (parts === null ? undefined : parts.split(' ').filter(Boolean).map(unpackDigest)));
  }

  async wholesOf(part: Digest): Promise<Digest[]> {
    const fields = await this.#call(READ, (commands) => commands.hkeys(this.#digestKey(part)));
    return fields.filter((field) => field.startsWith('w')).map((field) => unpackDigest(field.slice(1)));
  }

  async putParts(manifest: Digest, parts: readonly Digest[]): Promise<void> {
    const args = [manifest, ...new Set(parts)].map(packDigest);
    await this.#run(LINK, putPartsScript, { keys: [this.#prefix], args });
  }

  page(query: PageQuery): Promise<UsageRecord[]> {
    return this.#pages.page(query);
  }

  ofRepository(repository: string): Promise<UsageRecord[]> {
    return this.#pages.ofRepository(repository);
  }

  async totals(): Promise<UsageTotals> {
    const read = (commands: RedisCommands) => commands.hmget(this.#metaKey, 'bytes', 'digests', 'references');
    const [bytes = 0, digests = 0, references = 0] = (await this.#call(READ, read)).map(Number);
    return { bytes, digests, references };
  }

  async reserve(fills: ReadonlyMap<Digest, number>): Promise<number> {
    const members = [...fills].map(([digest, size]) => reservation(digest, size));
    const input = { keys: [this.#prefix, redisKeys.reserved()], args: [RESERVATION_TTL_MS, ...members] } as const;
    return Number(await this.#run(LINK, reserveScript, input));
  }

  async unreserve(digest: Digest, size: number): Promise<void> {
    await this.#call(WRITE, (commands) => commands.zrem(redisKeys.reserved(), reservation(digest, size)));
  }

  async isLossless(): Promise<boolean> {
    const now = performance.now();
    if (this.#lossless === undefined || now - this.#lossless.at > LOOK_MS) {
      const isSo = (await this.#run(READ, losslessScript, { keys: [this.#prefix], args: [] })) === 1;
      this.#lossless = { isSo, at: now };
    }
    return this.#lossless.isSo;
  }

  recount(): Promise<void> {
    return this.#pages.recount();
  }

  async pins(): Promise<Pin[]> {
    const pins = await this.#call(READ, (commands) => commands.hgetall(`${this.#prefix}:pins`));
    const names = Object.keys(pins).sort();
    return names.map((pattern) => ({ pattern, pinnedAt: Number(pins[pattern]) }));
  }

  async pin({ pattern, pinnedAt }: Pin): Promise<void> {
    await this.#call(WRITE, (commands) => commands.hset(`${this.#prefix}:pins`, pattern, pinnedAt));
  }

  async unpin(pattern: string): Promise<boolean> {
    return (await this.#call(WRITE, (commands) => commands.hdel(`${this.#prefix}:pins`, pattern))) === 1;
  }

  async marker(name: Marker): Promise<string | undefined> {
    return (await this.#call(READ, (commands) => commands.hget(this.#metaKey, `marker-${name}`))) ?? undefined;
  }

  async setMarker(name: Marker, value: string | undefined): Promise<void> {
    const field = `marker-${name}`;
    if (value === undefined) await this.#call(WRITE, (commands) => commands.hdel(this.#metaKey, field));
    else await this.#call(WRITE, (commands) => commands.hset(this.#metaKey, field, value));
  }

  /** The connection belongs to whoever made it. */
  async close(): Promise<void> {}

  get #metaKey(): string {
    return `${this.#prefix}:meta`;
  }

  #repositoryKey(repository: string): string {
    return `${this.#prefix}:r:${repository}`;
  }

  #digestKey(digest: Digest): string {
    return `${this.#prefix}:d:${packDigest(digest)}`;
  }

  async #inSlices<T>(
    script: RedisScript,
    items: readonly T[],
    toArguments: (item: T) => ScriptArguments,
    first: ScriptArguments = [],
  ): Promise<void> {
    for (const some of inSlices(items, SLICE * PIPELINE)) {
      await this.#call(WRITE, (commands) =>
        Promise.all(
          [...inSlices(some, SLICE)].map((slice) =>
            runScript(commands, script, { keys: [this.#prefix], args: [...first, ...slice.flatMap(toArguments)] }),
          ),
        ),
      );
    }
  }

  #run(operation: RedisOperation, script: RedisScript, input: Parameters<typeof runScript>[2]): Promise<unknown> {
    return this.#call(operation, (commands) => runScript(commands, script, input));
  }

  /** @throws {IndexUnavailableError} */
  async #call<T>(operation: RedisOperation, work: (commands: RedisCommands) => Promise<T>): Promise<T> {
    const reply = await this.#redis.call(operation, work, UNAVAILABLE);
    if (reply === UNAVAILABLE) throw new IndexUnavailableError(`Redis is ${this.#redis.state}`);
    return reply;
  }
}

function asRecord(reference: ContentReference, value: string | null | undefined): UsageRecord | undefined {
  const { repository, digest, kind } = reference;
  return typeof value === 'string' ? toRecord({ repository, digest, kind }, value) : undefined;
}

function reservation(digest: Digest, size: number): string {
  return `${packDigest(digest)} ${size}`;
}
