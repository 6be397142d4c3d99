import type { Clock } from '../clock/clock.ts';
import {
  afterPull,
  announced,
  type Bucket,
  elapsed,
  observed,
  type PullResult,
  settled,
  spent,
  type StatedLimit,
  type Ticket,
} from './bucket.ts';
import type { Buckets } from './buckets.ts';
import type { Refusal } from './refusal.ts';
import type { Spend } from './spending.ts';

const MAX_SOURCE_LENGTH = 128;

interface MadeSpend {
  responded(response: PullResult & { readonly source: string | undefined }): Promise<void>;
  /** No response arrived. */
  failed(): Promise<void>;
}

type SpendOutcome =
  | { readonly refusal: Refusal; readonly made?: undefined }
  | { readonly refusal?: undefined; readonly made: MadeSpend };

/** The bucket of each member: its own until the registry names the bucket, which several members may share. */
export class MemberBuckets {
  readonly #buckets: Buckets;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #keys: Map<string, string>;

  constructor(buckets: Buckets, clock: Pick<Clock, 'now'>, members: readonly string[]) {
    this.#buckets = buckets;
    this.#clock = clock;
    this.#keys = new Map(members.map((name) => [name, `member:${name}`]));
  }

  of(member: string): { readonly key: string; readonly bucket: Bucket } {
    const key = this.#key(member);
    return { key, bucket: this.#buckets.peek(key) };
  }

  /** Spends one pull, unless `refuse` returns a refusal for the bucket. */
  async spend(
    member: string,
    refuse: (bucket: Bucket) => Refusal | undefined,
    describe: (bucket: Bucket) => Omit<Spend, 'id'>,
  ): Promise<SpendOutcome> {
    const taken = await this.#buckets.update<Refusal | Omit<ReturnType<typeof spent>, 'bucket'>>(
      this.#key(member),
      (before) => {
        const bucket = elapsed(before, this.#clock.now());
        const refusal = refuse(bucket);
        if (refusal) return [bucket, refusal];
        const { bucket: after, ...made } = spent(bucket, describe(bucket));
        return [after, made];
      },
    );
    return 'reason' in taken ? { refusal: taken } : { made: this.#made(member, taken) };
  }

  #made(member: string, { id, ticket }: { readonly id: number; readonly ticket: Ticket }): MadeSpend {
    return {
      responded: async ({ source, ...result }) => {
        await this.identify(member, source);
        await this.#update(member, (bucket, now) => afterPull(bucket, result, { id, ticket, now }));
      },
      failed: () => this.#update(member, (bucket) => settled(bucket, id, false)),
    };
  }

  /** A response stated the remaining pulls. */
  observe(member: string, stated: StatedLimit, ticket: Ticket): Promise<void> {
    return this.#update(member, (bucket, now) => observed(bucket, stated, ticket, now));
  }

  /** A limit is known, but not the remaining pulls. */
  announce(member: string, stated: StatedLimit): Promise<void> {
    return this.#update(member, (bucket) => announced(bucket, stated));
  }

  /** @param source the registry's name of the bucket; ignored when it is not a plausible one */
  async identify(member: string, source: string | undefined): Promise<void> {
    if (source === undefined || source.length > MAX_SOURCE_LENGTH || !/^[\w.:/-]+$/.test(source)) return;
    const [from, to] = [this.#key(member), `source:${source}`];
    if (from === to) return;
    this.#keys.set(member, to);
    const isShared = [...this.#keys.values()].includes(from);
    if (!isShared) await this.#buckets.rename(from, to);
    this.#buckets.keep([...this.#keys.values()]);
  }

  #update(member: string, change: (bucket: Bucket, now: number) => Bucket): Promise<void> {
    return this.#buckets.update(this.#key(member), (bucket) => {
      const now = this.#clock.now();
      return [change(elapsed(bucket, now), now), undefined];
    });
  }

  #key(member: string): string {
    return this.#keys.get(member) ?? `member:${member}`;
  }
}
