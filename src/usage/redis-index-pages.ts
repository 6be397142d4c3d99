import { redisKeys } from '../redis/keys.ts';
import type { RedisCommands } from '../redis/redis.ts';
import { runScript } from '../redis/scripts.ts';
import {
  compareFields,
  fromField,
  inSlices,
  referenceArguments,
  toField,
  toRecord,
  UNREFERENCED_KEY,
} from './redis-index-codec.ts';
import { countScript, setTotalsScript } from './redis-index-scripts.ts';
import type { ContentReference, PageQuery, UsageRecord } from './usage-index.ts';

/** Repository names per request, and fields of a large repository per request. */
const NAMES = 32;
const SCAN = 1_000;
const SLICE = 50;
/** References that are counted together. */
const COUNTED = 400;
const MAX_COUNTS = 3;

type Call = <T>(work: (commands: RedisCommands) => Promise<T>) => Promise<T>;

/** Reads the whole index in Redis, in the order of repository names. */
export class RedisIndexPages {
  readonly #call: Call;
  readonly #prefix = redisKeys.index();
  /** The sorted fields of the repository in which the last page ended, so that the next page does not read them again. */
  #open: { readonly repository: string; readonly fields: readonly string[] } | undefined;

  constructor(call: Call) {
    this.#call = call;
  }

  async page({ after, limit }: PageQuery): Promise<UsageRecord[]> {
    const records: UsageRecord[] = after ? await this.#restOf(after, limit) : [];
    let last = after?.repository;
    while (records.length < limit) {
      const names = await this.#namesAfter(last);
      for (const name of names) {
        if (records.length >= limit) break;
        records.push(...(await this.#read(name, (await this.#fieldsOf(name)).slice(0, limit - records.length))));
        last = name;
      }
      if (names.length < NAMES) break;
    }
    return records;
  }

  async *ofRepository(repository: string): AsyncGenerator<UsageRecord, void, void> {
    const fields = await this.#fieldsOf(repository);
    for (const some of inSlices(fields, SCAN)) yield* await this.#read(repository, some);
  }

  /** Gives up when the index keeps changing; every change updates the totals too. */
  async recount(): Promise<void> {
    for (let tries = 0; tries < MAX_COUNTS; tries++) {
      const meta = `${this.#prefix}:meta`;
      const changes = (await this.#call((commands) => commands.hget(meta, 'changes'))) ?? '';
      const { bytes, digests, references } = await this.#count();
      const input = { keys: [this.#prefix], args: [changes, bytes, digests, references] } as const;
      if ((await this.#call((commands) => runScript(commands, setTotalsScript, input))) === 1) return;
    }
  }

  async #restOf(after: ContentReference, limit: number): Promise<UsageRecord[]> {
    const { repository } = after;
    const fields = this.#open?.repository === repository ? this.#open.fields : await this.#fieldsOf(repository);
    const field = toField(after);
    const start = fields.findIndex((each) => compareFields(each, field) > 0);
    return start < 0 ? [] : this.#read(repository, fields.slice(start, start + limit));
  }

  async #namesAfter(name: string | undefined): Promise<string[]> {
    const start = name === undefined ? '-' : `(${name}`;
    return this.#call((commands) =>
      commands.zrangebylex(`${this.#prefix}:repositories`, start, '+', 'LIMIT', 0, NAMES),
    );
  }

  async #fieldsOf(repository: string): Promise<readonly string[]> {
    const fields = new Set<string>();
    let cursor = '0';
    do {
      const [next, found] = await this.#call((commands) =>
        commands.hscan(this.#key(repository), cursor, 'COUNT', SCAN),
      );
      for (let i = 0; i < found.length; i += 2) fields.add(found[i] ?? '');
      cursor = next;
    } while (cursor !== '0');
    const sorted = [...fields].sort(compareFields);
    this.#open = { repository, fields: sorted };
    return sorted;
  }

  /** Leaves out references that were removed meanwhile. */
  async #read(repository: string, fields: readonly string[]): Promise<UsageRecord[]> {
    const records: UsageRecord[] = [];
    for (const some of inSlices(fields, SCAN)) {
      const values = await this.#call((commands) => commands.hmget(this.#key(repository), ...some));
      for (const [i, field] of some.entries()) {
        const value = values[i];
        if (typeof value === 'string') records.push(toRecord(fromField(repository, field), value));
      }
    }
    return records;
  }

  async #count() {
    const unreferenced = await this.#countUnreferenced();
    let [bytes, digests, references] = [unreferenced.bytes, unreferenced.digests, 0];
    let after: UsageRecord | undefined;
    for (;;) {
      const page = await this.page({ ...(after && { after }), limit: COUNTED });
      after = page.at(-1);
      if (!after) return { bytes, digests, references };
      references += page.length;
      for (const [some, size] of await this.#countHeld(page)) {
        digests += some;
        bytes += Number(size);
      }
    }
  }

  async #countHeld(page: readonly UsageRecord[]): Promise<[number, string][]> {
    const replies = await this.#call((commands) =>
      Promise.all(
        [...inSlices(page, SLICE)].map((slice) =>
          runScript(commands, countScript, { keys: [this.#prefix], args: slice.flatMap(referenceArguments) }),
        ),
      ),
    );
    return replies as [number, string][];
  }

  async #countUnreferenced(): Promise<{ digests: number; bytes: number }> {
    let [digests, bytes] = [0, 0];
    for (let start = '-'; ; ) {
      const packed = await this.#call((commands) =>
        commands.zrangebylex(`${this.#prefix}${UNREFERENCED_KEY}`, start, '+', 'LIMIT', 0, SCAN),
      );
      const sizes = await this.#call((commands) =>
        Promise.all(packed.map((digest) => commands.hget(`${this.#prefix}:d:${digest}`, 's'))),
      );
      digests += packed.length;
      bytes += sizes.reduce((sum, size) => sum + Number(size ?? 0), 0);
      if (packed.length < SCAN) return { digests, bytes };
      start = `(${packed.at(-1) ?? ''}`;
    }
  }

  #key(repository: string): string {
    return `${this.#prefix}:r:${repository}`;
  }
}
