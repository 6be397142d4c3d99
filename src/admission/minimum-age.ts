import { type BoundedCache, createCountedCache } from '../cache/lru.ts';
import type { Digest } from '../oci/digest.ts';
import type { AdmissionEvents } from './admission-events.ts';
import type { DecidedContent } from './decision.ts';
import type { Releases } from './releases.ts';
import type { AgeCondition, AgedRule } from './rule.ts';
import type { TagHistories } from './tag-histories.ts';
import { type AgeChoice, chooseByAge, type TagHistory } from './tag-history.ts';

export interface MinimumAgeOptions {
  readonly histories: TagHistories;
  readonly releases: Releases;
  readonly events: Pick<AdmissionEvents, 'held' | 'released' | 'requested'>;
  readonly now: () => number;
}

export interface TaggedQuestion extends DecidedContent {
  readonly rule: AgedRule;
  readonly tag: string;
  /** The digest is as recent as the TTL of the tag requires. */
  readonly isConfirmed: boolean;
  /** Whether the image has a signature that exempts it. */
  readonly isExcepted: () => Promise<boolean>;
}

/** What a tag may be served as. */
export interface AgeResult {
  /** In this order, the first that can be fetched. Empty: nothing. */
  readonly digests: readonly Digest[];
  /** When the digest that the tag names is served. Unix milliseconds. Absent when it is served now. */
  readonly heldUntil?: number | undefined;
  /** The digest is held since this request. */
  readonly isNew?: boolean;
}

const MAX_ENTRIES = 100_000;
const OF_AGE = {};

/** Which digest of a tag is served, by the history of the tag. */
export class MinimumAge {
  readonly #options: MinimumAgeOptions;
  /** Digests that are old enough for a tag stay so. */
  readonly #ofAge: BoundedCache<object> = createCountedCache({ maxEntries: MAX_ENTRIES });
  /** Digests that were held at the last request, by tag. */
  readonly #held = new Map<string, Digest>();

  constructor(options: MinimumAgeOptions) {
    this.#options = options;
  }

  /** Tags whose digest is held, as far as this process knows. */
  get heldCount(): number {
    return this.#held.size;
  }

  /** Without I/O. */
  isKnown({ repository, tag, digest }: Pick<TaggedQuestion, 'repository' | 'tag' | 'digest'>): boolean {
    return this.#ofAge.get(`${repository}:${tag}@${digest}`) !== undefined;
  }

  /** @throws when the index cannot be read */
  async choose(question: TaggedQuestion): Promise<AgeResult> {
    const { repository, tag, digest, rule } = question;
    if (this.isKnown(question)) return { digests: [digest] };
    const history = await this.#historyOf(question);
    const { ofAge, heldUntil } = this.#chosen(history, question);
    const isServed = heldUntil === undefined || (await this.#isExcepted(question));
    if (isServed) {
      this.#ofAge.set(`${repository}:${tag}@${digest}`, OF_AGE);
      this.#unheld(question);
      return { digests: [digest] };
    }
    const isNew = this.#noteHeld(question, heldUntil);
    if (ofAge.length > 0 || rule.age.onNone === 'refuse') return { digests: ofAge, heldUntil, isNew };
    // No other than the first: who pushes a new one could have removed those before.
    return { digests: [history[0]?.digest ?? digest], heldUntil, isNew };
  }

  /** Without effects. @throws when the index cannot be read */
  async preview(history: TagHistory, content: DecidedContent & { readonly rule: AgedRule }): Promise<AgeChoice> {
    const choice = this.#chosen(history, { ...content, isConfirmed: true });
    const isReleased = choice.heldUntil !== undefined && (await this.#options.releases.has(content));
    return isReleased ? { ofAge: [content.digest] } : choice;
  }

  /** When a digest may be served that clients request by digest. Absent: now. @throws when the index cannot be read */
  async digestHeldUntil(content: DecidedContent, age: AgeCondition): Promise<number | undefined> {
    const { histories, releases, now } = this.#options;
    const { repository, digest } = content;
    const at = now();
    await histories.observe(repository, digestKey(digest), { digest, at });
    if (await releases.has(content)) return undefined;
    const { firstSeen = at } = (await histories.of(repository, digestKey(digest)))[0] ?? {};
    const until = firstSeen + age.minAgeMs;
    return until <= at ? undefined : until;
  }

  async #historyOf({ repository, tag, digest }: TaggedQuestion): Promise<TagHistory> {
    const { histories, now } = this.#options;
    const history = await histories.of(repository, tag);
    if (history.at(-1)?.digest === digest) return history;
    // The tag was stored before there was a history, or the history is lost.
    await histories.observe(repository, tag, { digest, at: now() });
    return histories.of(repository, tag);
  }

  #chosen(history: TagHistory, { digest, isConfirmed, rule }: Pick<TaggedQuestion, 'digest' | 'isConfirmed' | 'rule'>) {
    const { minAgeMs, unknown } = rule.age;
    return chooseByAge(history, { current: digest, isConfirmed, minAgeMs, unknown, now: this.#options.now() });
  }

  async #isExcepted(question: TaggedQuestion): Promise<boolean> {
    return (await this.#options.releases.has(question)) || (await question.isExcepted());
  }

  #noteHeld({ repository, tag, digest, rule }: TaggedQuestion, until: number): boolean {
    const key = `${repository}:${tag}`;
    this.#options.events.requested({ rule, outcome: 'hold', isCached: this.#held.get(key) === digest });
    if (this.#held.get(key) === digest) return false;
    this.#held.set(key, digest);
    this.#options.events.held({ rule, repository, tag, digest, until });
    return true;
  }

  #unheld({ repository, tag, digest, rule }: TaggedQuestion): void {
    if (!this.#held.delete(`${repository}:${tag}`)) return;
    this.#options.events.released({ rule, repository, tag, digest });
  }
}

/** In the place of a tag, which has no colon. */
function digestKey(digest: Digest): string {
  return `@${digest.replace(':', '-')}`;
}
