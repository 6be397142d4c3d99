import { createCountedCache } from '../cache/lru.ts';
import type { Clock } from '../clock/clock.ts';
import { available, type Bucket, type PullResult, type StatedLimit, type Ticket } from './bucket.ts';
import type { Buckets } from './buckets.ts';
import { nextPullAt } from './forecast.ts';
import { MemberBuckets } from './member-buckets.ts';
import { type Candidate, chooseMember, type Member, membersFor } from './members.ts';
import { type BudgetPolicy, pullsOf, shareEndsAt, verdictOf } from './policy.ts';
import type { Refusal, RefusalReason } from './refusal.ts';
import type { Spending } from './spending.ts';

export interface BudgetEvents {
  pullSpent(event: { upstream: string } & Spending): void;
  pullWaited(event: { upstream: string; waitedMs: number } & Spending): void;
  pullRefused(event: { upstream: string; reason: RefusalReason } & Spending): void;
}

export interface GovernorOptions {
  readonly upstream: string;
  readonly members: readonly Member[];
  readonly policy: BudgetPolicy;
  readonly buckets: Buckets;
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
  readonly events: BudgetEvents;
}

export interface PullRequest {
  readonly spending: Spending;
  readonly repository: string;
  /** As for {@link membersFor}. */
  readonly account?: string | undefined;
  /** Members that refused this pull already. */
  readonly tried: readonly string[];
  readonly isAside: (member: string) => boolean;
  readonly signal: AbortSignal;
}

/** A response to a pull, or to a request that is not counted. */
export interface PullResponse extends PullResult {
  /** The registry's name of the bucket: an address or an account. */
  readonly source: string | undefined;
}

export interface Pull {
  readonly isAdmitted: true;
  readonly member: string;
  responded(response: PullResponse): Promise<void>;
  /** No response arrived. */
  failed(): Promise<void>;
}

/** When nothing shows when a pull is available, and while an operator holds background work. Milliseconds. */
const LOOK_AGAIN_MS = 60_000;
const HELD_MS = 5_000;
/** After a refusal of requests of any kind. Milliseconds. */
const PAUSE_MS = 10_000;
const MAX_REPOSITORIES = 10_000;

/** Decides which pulls an upstream gets, and with which account, so that its limits last. */
export class Governor {
  readonly #options: GovernorOptions;
  readonly #last = createCountedCache<{ member: string }>({ maxEntries: MAX_REPOSITORIES });
  readonly #buckets: MemberBuckets;
  #isHeld = false;
  /** No pulls before this. Unix milliseconds. */
  #pausedUntil = 0;

  constructor(options: GovernorOptions) {
    this.#options = options;
    const { buckets, clock, members, policy } = options;
    this.#buckets = new MemberBuckets(
      buckets,
      clock,
      members.map(({ name }) => name),
    );
    const { assume } = policy;
    if (assume) for (const { name } of members) void this.#buckets.announce(name, assume);
  }

  get policy(): BudgetPolicy {
    return this.#options.policy;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Stops work that no client waits for, until it is called again. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
  }

  /** The upstream refuses requests of any kind, whatever the account. */
  pause(forMs: number | undefined): void {
    this.#pausedUntil = this.#options.clock.now() + (forMs ?? PAUSE_MS);
  }

  /** The state of each member's bucket, with the name of the bucket. */
  buckets(): readonly { readonly member: string; readonly key: string; readonly bucket: Bucket }[] {
    return this.#options.members.map(({ name }) => ({ member: name, ...this.#buckets.of(name) }));
  }

  bucketOf(member: string): Bucket {
    return this.#buckets.of(member).bucket;
  }

  /** For requests that are not counted. Absent when no member serves the repository. */
  memberFor(
    repository: string | undefined,
    { isAside, account }: Pick<PullRequest, 'isAside' | 'account'>,
  ): string | undefined {
    const { members, policy } = this.#options;
    const serving = membersFor(members, repository, account);
    if (policy.pool === 'order' || serving.length < 2) return serving[0]?.name;
    return this.#choose({ repository, isAside, account, tried: [] })?.member.name;
  }

  /** Whether an older manifest of a tag is served instead of a new one. */
  prefersOlder(repository: string, isAside: PullRequest['isAside']): boolean {
    const best = this.#choose({ repository, isAside, tried: [] });
    if (!best) return false;
    const { limit } = this.#buckets.of(best.member.name).bucket;
    return verdictOf({ class: 'client', hasOlder: true, left: best.left, limit }, this.policy) === 'older';
  }

  /**
   * Spends a pull, waits for one, or refuses.
   *
   * @throws the reason of the signal while it waits
   */
  async admit(request: PullRequest): Promise<Pull | Refusal> {
    const { clock, events, upstream } = this.#options;
    const startedAt = clock.now();
    const until = startedAt + this.#patienceOf(request.spending);
    for (let waits = 0; ; waits++) {
      const outcome = await this.#try(request);
      const now = clock.now();
      if (outcome.isAdmitted || outcome.retryAt > until) {
        if (waits > 0) events.pullWaited({ upstream, ...request.spending, waitedMs: now - startedAt });
        if (outcome.isAdmitted) events.pullSpent({ upstream, ...request.spending });
        else events.pullRefused({ upstream, ...request.spending, reason: outcome.reason });
        return outcome;
      }
      const longest = this.#isHeld ? HELD_MS : LOOK_AGAIN_MS;
      await clock.sleep(Math.min(Math.max(1, outcome.retryAt - now), longest), { signal: request.signal });
    }
  }

  /** The state of a member's bucket when a request that is not counted is sent. */
  ticket(member: string): Ticket {
    const { open, count } = this.#buckets.of(member).bucket;
    return { open, count };
  }

  /** A response to a request that is not counted. */
  async observe(member: string, { stated, source }: PullResponse, ticket: Ticket): Promise<void> {
    await this.#buckets.identify(member, source);
    if (stated) await this.#buckets.observe(member, stated, ticket);
  }

  /** The registry's token states a limit. */
  claimed(member: string, stated: StatedLimit): Promise<void> {
    return this.#buckets.announce(member, stated);
  }

  #patienceOf({ class: by }: Spending): number {
    if (by === 'client') return this.policy.waitMs;
    return by === 'refresh' ? 0 : Infinity;
  }

  async #try(request: PullRequest): Promise<Pull | Refusal> {
    const { spending, repository } = request;
    const now = this.#options.clock.now();
    const isBackground = spending.class === 'sync' || spending.class === 'warm';
    if (this.#isHeld && isBackground) return { isAdmitted: false, reason: 'reserve', retryAt: now + HELD_MS };
    if (now < this.#pausedUntil) return { isAdmitted: false, reason: 'exhausted', retryAt: this.#pausedUntil };
    const chosen = this.#choose(request);
    if (!chosen) return { isAdmitted: false, reason: 'exhausted', retryAt: now + LOOK_AGAIN_MS };
    const { name } = chosen.member;
    const outcome = await this.#buckets.spend(
      name,
      (bucket) => this.#refusal(bucket, spending, now),
      (bucket) => ({ ...spending, at: now, repository, isScarce: this.#isScarce(bucket, now) }),
    );
    if (outcome.refusal) return outcome.refusal;
    this.#last.set(repository, { member: name });
    return { isAdmitted: true, member: name, ...outcome.made };
  }

  #refusal(bucket: Bucket, spending: Spending, now: number): Refusal | undefined {
    const left = available(bucket, now);
    const { limit } = bucket;
    const verdict = verdictOf({ class: spending.class, hasOlder: false, left, limit }, this.policy);
    if (verdict === 'spend') {
      const until =
        left !== undefined && this.#isScarce(bucket, now) ? this.#shareEnds(bucket, left, spending) : undefined;
      return until === undefined ? undefined : { isAdmitted: false, reason: 'share', retryAt: until };
    }
    const reason = verdict === 'wait' || left !== 0 ? 'reserve' : 'exhausted';
    const above = reason === 'reserve' ? pullsOf(this.policy.reserve, limit) : 0;
    return { isAdmitted: false, reason, retryAt: nextPullAt(bucket, now, above) ?? now + LOOK_AGAIN_MS };
  }

  #shareEnds(bucket: Bucket, left: number, spending: Spending): number | undefined {
    return spending.class === 'client' ? shareEndsAt(bucket, left, spending, this.policy.fairShare) : undefined;
  }

  #isScarce(bucket: Bucket, now: number): boolean {
    const left = available(bucket, now);
    return left !== undefined && left <= pullsOf(this.policy.scarce, bucket.limit);
  }

  #choose({
    repository,
    tried,
    isAside,
    account,
  }: Pick<PullRequest, 'tried' | 'isAside' | 'account'> & { repository: string | undefined }) {
    const { members, clock, policy } = this.#options;
    const spentBuckets = tried.map((name) => this.#buckets.of(name).key);
    const candidates = membersFor(members, repository, account)
      .filter(({ name }) => !spentBuckets.includes(this.#buckets.of(name).key))
      .map((member): Candidate => {
        const { bucket } = this.#buckets.of(member.name);
        const reserve = pullsOf(policy.reserve, bucket.limit);
        return { member, left: available(bucket, clock.now()), reserve, isAside: isAside(member.name) };
      });
    return chooseMember(candidates, { pool: policy.pool, last: this.#last.get(repository ?? '')?.member });
  }
}
