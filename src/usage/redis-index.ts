import type { Digest } from '../oci/digest.ts';
import { redisKeys } from '../redis/keys.ts';
import type { Redis, RedisCommands } from '../redis/redis.ts';
import { kindCode, packDigest, unpackDigest } from './index-keys.ts';
import { pinKey, pinOf } from './pin-key.ts';
import { BATCH, LINK, READ, RedisIndexCalls, WRITE } from './redis-index-calls.ts';
import { RedisIndexClaims } from './redis-index-claims.ts';
import {
  compareHolders,
  fromField,
  holdersIn,
  inSlices,
  referenceArguments,
  toField,
  toRecord,
  UNREFERENCED_KEY,
  useArguments,
} from './redis-index-codec.ts';
import { RedisIndexPages } from './redis-index-pages.ts';
import { RedisRepositories } from './redis-repositories.ts';
import {
  bytesRemovedScript,
  deferScript,
  losslessScript,
  oldestScript,
  putPartsScript,
  recordUnreferencedScript,
  recordScript,
  removeScript,
  reserveScript,
} from './redis-index-scripts.ts';
import { RedisTexts } from './redis-texts.ts';
import type { TextTable, TextTableName } from './text-table.ts';
import type {
  ContentReference,
  Counters,
  Holder,
  HoldersPage,
  Marker,
  OldestQuery,
  PageQuery,
  Pin,
  RemovalClaim,
  RepositoriesQuery,
  RepositorySums,
  UsageIndex,
  UsageRecord,
  UsageTotals,
  Use,
} from './usage-index.ts';

/** Running fills renew their reservation three times within it. Milliseconds. */
const RESERVATION_TTL_MS = 60_000;

/** How often the eviction policy of the server is checked. Milliseconds. */
const CHECK_MS = 60_000;

/**
 * The index in Redis, for all processes with the same storage. Every change is one script, and so atomic; all keys are on one node of a
 * cluster. After a flush of Redis it is empty, and not {@link Marker complete}.
 */
export class RedisIndex implements UsageIndex {
  readonly isShared = true;
  readonly #calls: RedisIndexCalls;
  readonly #claims: RedisIndexClaims;
  readonly #pages: RedisIndexPages;
  readonly #repositories: RedisRepositories;
  readonly #prefix = redisKeys.index();
  #lossless: { readonly isSo: boolean; readonly at: number } | undefined;

  constructor(redis: Redis) {
    this.#calls = new RedisIndexCalls(redis);
    this.#claims = new RedisIndexClaims(redis, this.#calls);
    this.#repositories = new RedisRepositories(this.#calls);
    this.#pages = new RedisIndexPages((work) => this.#calls.call(READ, work));
  }

  async record(uses: readonly Use[]): Promise<void> {
    await this.#calls.runInSlices(recordScript, this.#prefix, { items: uses, toArguments: useArguments });
  }

  beginLink(use: Use & { readonly size: number }): Promise<() => Promise<void>> {
    return this.#claims.beginLink(use);
  }

  claim(digest: Digest): Promise<RemovalClaim | undefined> {
    return this.#claims.claim(digest);
  }

  async find(reference: ContentReference): Promise<UsageRecord | undefined> {
    return (await this.findAll([reference]))[0];
  }

  async findAll(references: readonly ContentReference[]): Promise<(UsageRecord | undefined)[]> {
    const found: (UsageRecord | undefined)[] = [];
    for (const some of inSlices(references, BATCH)) {
      const values = await this.#calls.call(READ, (commands) =>
        Promise.all(some.map((each) => commands.hget(this.#repositoryKey(each.repository), toField(each)))),
      );
      found.push(...some.map((each, i) => asRecord(each, values[i])));
    }
    return found;
  }

  async oldest({ kind, before, after, limit }: OldestQuery): Promise<UsageRecord[]> {
    const kinds = kind === undefined ? [0, 1] : [kindCode(kind)];
    const from = after
      ? [kindCode(after.kind), after.rank, `${packDigest(after.digest)} ${after.repository}`]
      : ['', '', ''];
    const input = { keys: [this.#prefix], args: [before, limit, ...from, ...kinds] } as const;
    const reply = (await this.#calls.run(WRITE, oldestScript, input)) as string[];
    const found: UsageRecord[] = [];
    for (let i = 0; i < reply.length; i += 3) {
      const [code = '', member = '', value = ''] = reply.slice(i, i + 3);
      const space = member.indexOf(' ');
      found.push(toRecord(fromField(member.slice(space + 1), code + member.slice(0, space)), value));
    }
    return found.sort((a, b) => a.rank - b.rank).slice(0, limit);
  }

  async defer(references: readonly ContentReference[], rank: number): Promise<void> {
    const sliced = { items: references, toArguments: referenceArguments, first: [rank] };
    await this.#calls.runInSlices(deferScript, this.#prefix, sliced);
  }

  async removeUnused({ lastUsedAt, ...reference }: UsageRecord): Promise<boolean> {
    const args = [...referenceArguments(reference), lastUsedAt];
    return (await this.#calls.run(WRITE, removeScript, { keys: [this.#prefix], args })) === 1;
  }

  async remove(references: readonly ContentReference[]): Promise<void> {
    const toArguments = (reference: ContentReference) => [...referenceArguments(reference), ''];
    await this.#calls.runInSlices(removeScript, this.#prefix, { items: references, toArguments });
  }

  async holders(digest: Digest, { after, limit }: HoldersPage = { limit: Infinity }): Promise<Holder[]> {
    const fields = await this.#calls.call(READ, (commands) => commands.hkeys(this.#digestKey(digest)));
    const all = holdersIn(fields);
    const rest = after ? all.filter((holder) => compareHolders(holder, after) > 0) : all;
    return rest.slice(0, limit);
  }

  async unreferencedDigests({ after, limit }: { readonly after?: Digest; readonly limit: number }): Promise<Digest[]> {
    const start = after === undefined ? '-' : `(${packDigest(after)}`;
    const read = (commands: RedisCommands) =>
      commands.zrangebylex(`${this.#prefix}${UNREFERENCED_KEY}`, start, '+', 'LIMIT', 0, limit);
    return (await this.#calls.call(READ, read)).map(unpackDigest);
  }

  async recordUnreferenced({ digest, size }: { readonly digest: Digest; readonly size: number }): Promise<void> {
    await this.#calls.run(WRITE, recordUnreferencedScript, { keys: [this.#prefix], args: [packDigest(digest), size] });
  }

  async bytesRemoved(digest: Digest): Promise<void> {
    await this.#calls.run(WRITE, bytesRemovedScript, { keys: [this.#prefix], args: [packDigest(digest)] });
  }

  async partsOf(manifest: Digest): Promise<readonly Digest[] | undefined> {
    return (await this.partsOfAll([manifest]))[0];
  }

  async partsOfAll(manifests: readonly Digest[]): Promise<(readonly Digest[] | undefined)[]> {
    const read = (commands: RedisCommands) =>
      Promise.all(manifests.map((manifest) => commands.hget(this.#digestKey(manifest), 'p')));
    const stored = await this.#calls.call(READ, read);
    return stored.map((parts) => (parts === null ? undefined : parts.split(' ').filter(Boolean).map(unpackDigest)));
  }

  async *parentsOf(part: Digest): AsyncGenerator<Digest, void, void> {
    const fields = await this.#calls.call(READ, (commands) => commands.hkeys(this.#digestKey(part)));
    for (const field of fields) if (field.startsWith('w')) yield unpackDigest(field.slice(1));
  }

  async putParts(manifest: Digest, parts: readonly Digest[]): Promise<void> {
    const args = [manifest, ...new Set(parts)].map(packDigest);
    await this.#calls.run(LINK, putPartsScript, { keys: [this.#prefix], args });
  }

  page(query: PageQuery): Promise<UsageRecord[]> {
    return this.#pages.page(query);
  }

  ofRepository(repository: string): AsyncIterable<UsageRecord> {
    return this.#pages.ofRepository(repository);
  }

  repositories(query: RepositoriesQuery): Promise<RepositorySums[]> {
    return this.#repositories.page(query);
  }

  sumsOf(repository: string): Promise<RepositorySums | undefined> {
    return this.#repositories.find(repository);
  }

  async totals(): Promise<UsageTotals> {
    const read = (commands: RedisCommands) =>
      Promise.all([
        commands.hmget(this.#metaKey, 'bytes', 'digests', 'references'),
        commands.zcard(`${this.#prefix}:repositories`),
      ]);
    const [sums, repositories] = await this.#calls.call(READ, read);
    const [bytes = 0, digests = 0, references = 0] = sums.map(Number);
    return { bytes, digests, references, repositories };
  }

  async reserve(fills: ReadonlyMap<Digest, number>): Promise<number> {
    const members = [...fills].map(([digest, size]) => reservation(digest, size));
    const input = { keys: [this.#prefix, redisKeys.reserved()], args: [RESERVATION_TTL_MS, ...members] } as const;
    return Number(await this.#calls.run(LINK, reserveScript, input));
  }

  async unreserve(digest: Digest, size: number): Promise<void> {
    await this.#calls.call(WRITE, (commands) => commands.zrem(redisKeys.reserved(), reservation(digest, size)));
  }

  async isLossless(): Promise<boolean> {
    const now = performance.now();
    if (this.#lossless === undefined || now - this.#lossless.at > CHECK_MS) {
      const isSo = (await this.#calls.run(READ, losslessScript, { keys: [this.#prefix], args: [] })) === 1;
      this.#lossless = { isSo, at: now };
    }
    return this.#lossless.isSo;
  }

  recount(): Promise<void> {
    return this.#pages.recount();
  }

  async pins(): Promise<Pin[]> {
    const pins = await this.#calls.call(READ, (commands) => commands.hgetall(`${this.#prefix}:pins`));
    const names = Object.keys(pins).sort();
    return names.map((key) => pinOf(key, Number(pins[key])));
  }

  async pin(pin: Pin): Promise<void> {
    await this.#calls.call(WRITE, (commands) => commands.hset(`${this.#prefix}:pins`, pinKey(pin), pin.pinnedAt));
  }

  async unpin(pin: Pick<Pin, 'pattern' | 'bundle'>): Promise<boolean> {
    return (await this.#calls.call(WRITE, (commands) => commands.hdel(`${this.#prefix}:pins`, pinKey(pin)))) === 1;
  }

  async marker(name: Marker): Promise<string | undefined> {
    return (await this.#calls.call(READ, (commands) => commands.hget(this.#metaKey, `marker-${name}`))) ?? undefined;
  }

  async setMarker(name: Marker, value: string | undefined): Promise<void> {
    const field = `marker-${name}`;
    if (value === undefined) await this.#calls.call(WRITE, (commands) => commands.hdel(this.#metaKey, field));
    else await this.#calls.call(WRITE, (commands) => commands.hset(this.#metaKey, field, value));
  }

  texts(table: TextTableName): TextTable {
    return new RedisTexts(this.#calls, `${this.#prefix}:t:${table}`);
  }

  async counters(): Promise<Counters> {
    const { since, ...sums } = await this.#calls.call(READ, (commands) => commands.hgetall(this.#countersKey));
    const numbers = Object.entries(sums).map(([name, sum]) => [name, Number(sum)] as const);
    return { since: since === undefined ? undefined : Number(since), sums: Object.fromEntries(numbers) };
  }

  async count(amounts: Readonly<Record<string, number>>, at: number): Promise<void> {
    const key = this.#countersKey;
    await this.#calls.call(WRITE, (commands) =>
      Promise.all([
        commands.hsetnx(key, 'since', at),
        ...Object.entries(amounts).map(([name, amount]) => commands.hincrby(key, name, amount)),
      ]),
    );
  }

  /** The creator of the connection closes it. */
  async close(): Promise<void> {}

  get #metaKey(): string {
    return `${this.#prefix}:meta`;
  }

  get #countersKey(): string {
    return `${this.#prefix}:counters`;
  }

  #repositoryKey(repository: string): string {
    return `${this.#prefix}:r:${repository}`;
  }

  #digestKey(digest: Digest): string {
    return `${this.#prefix}:d:${packDigest(digest)}`;
  }
}

function asRecord(reference: ContentReference, value: string | null | undefined): UsageRecord | undefined {
  const { repository, digest, kind } = reference;
  return typeof value === 'string' ? toRecord({ repository, digest, kind }, value) : undefined;
}

function reservation(digest: Digest, size: number): string {
  return `${packDigest(digest)} ${size}`;
}
