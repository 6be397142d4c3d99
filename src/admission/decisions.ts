import { type BoundedCache, createCountedCache } from '../cache/lru.ts';
import { isDigest } from '../oci/digest.ts';
import type { TextTable } from '../usage/text-table.ts';
import { type DecidedContent, type Decision, LATER_MS } from './decision.ts';

export interface DecisionsOptions {
  /** Where decisions outlive the process. */
  readonly table: TextTable;
  /** The outcome where there is no decision. */
  readonly onFailure: 'later' | 'allow';
  /** Of the keys, for decisions about something else. @default none */
  readonly suffix?: string;
  readonly now: () => number;
  /** The table could not be read or written. Decisions are still made. */
  readonly onError: (error: unknown) => void;
}

export interface DecisionRequest extends DecidedContent {
  /** Of the rule. */
  readonly hash: string;
  /** @throws when it cannot be decided now */
  readonly decide: () => Promise<Decision>;
}

export interface StoredDecision extends Decision {
  readonly hash: string;
}

/** How long a refusal counts: the image may be signed meanwhile. Milliseconds. */
const DENIED_MS = 10 * 60_000;
const MAX_ENTRIES = 100_000;

/** Decisions in memory, in front of those in the index. Each is made once, however many clients wait for it. */
export class Decisions {
  readonly #options: DecisionsOptions;
  readonly #known: BoundedCache<Decision> = createCountedCache({ maxEntries: MAX_ENTRIES });
  readonly #running = new Map<string, Promise<Decision>>();

  constructor(options: DecisionsOptions) {
    this.#options = options;
  }

  /** Without I/O. */
  known(key: string): Decision | undefined {
    const decision = this.#known.get(key);
    return decision?.until === undefined || this.#isValid(decision) ? decision : undefined;
  }

  /** Never rejects. */
  of(request: DecisionRequest): Promise<Decision> {
    const key = `${keyOf(request)}${this.#options.suffix ?? ''}`;
    const known = this.known(key);
    if (known) return Promise.resolve(known);
    const running = this.#running.get(key);
    if (running) return running;
    const made = this.#make(key, request).finally(() => this.#running.delete(key));
    this.#running.set(key, made);
    return made;
  }

  /** Records a decision that was made elsewhere. */
  async put(content: DecidedContent, hash: string, decision: Decision): Promise<void> {
    const key = `${keyOf(content)}${this.#options.suffix ?? ''}`;
    this.#known.set(key, decision);
    await this.#write(key, { ...decision, hash });
  }

  /** All that are valid, whichever process made them. @throws when the index cannot be read */
  async *stored(): AsyncGenerator<StoredDecision & DecidedContent, void, void> {
    for await (const [key, text] of this.#options.table.entries()) {
      const decision = parse(text);
      const at = key.indexOf('@');
      const digest = key.slice(at + 1);
      // Those with a suffix are about something else.
      if (decision && this.#isValid(decision) && isDigest(digest))
        yield { ...decision, repository: key.slice(0, at), digest };
    }
  }

  async #make(key: string, { hash, decide }: DecisionRequest): Promise<Decision> {
    const stored = await this.#read(key);
    const last = stored?.hash === hash ? stored : undefined;
    if (last && this.#isValid(last)) return this.#remember(key, last);
    try {
      const made = await decide();
      // Also one that rests on such a decision about other content.
      if (made.outcome === 'later' || made.until !== undefined) return this.#remember(key, made);
      const until = made.outcome === 'deny' ? this.#options.now() + DENIED_MS : undefined;
      const decision = this.#remember(key, { ...made, until });
      await this.#write(key, { ...decision, hash });
      return decision;
    } catch (err) {
      const reason = err instanceof Error ? err.message : String(err);
      // The last decision is better than none: it was about the same bytes.
      const { outcome = this.#options.onFailure, reason: before = reason } = last ?? {};
      return this.#remember(key, { outcome, reason: before, until: this.#options.now() + LATER_MS });
    }
  }

  #remember(key: string, { outcome, reason, until }: Decision): Decision {
    const decision = { outcome, reason, until };
    this.#known.set(key, decision);
    return decision;
  }

  #isValid({ until }: Decision): boolean {
    return until === undefined || this.#options.now() < until;
  }

  async #read(key: string): Promise<StoredDecision | undefined> {
    try {
      const text = await this.#options.table.get(key);
      return text === undefined ? undefined : parse(text);
    } catch (err) {
      this.#options.onError(err);
      return undefined;
    }
  }

  async #write(key: string, decision: StoredDecision): Promise<void> {
    try {
      await this.#options.table.set(key, JSON.stringify(decision));
    } catch (err) {
      this.#options.onError(err);
    }
  }
}

export function keyOf({ repository, digest }: DecidedContent): string {
  return `${repository}@${digest}`;
}

/** @returns undefined for text that is not a decision */
function parse(text: string): StoredDecision | undefined {
  try {
    const { outcome, reason, until, hash } = JSON.parse(text) as Partial<StoredDecision>;
    const isDecision = (outcome === 'allow' || outcome === 'deny') && typeof hash === 'string';
    return isDecision ? { outcome, reason: String(reason), until, hash } : undefined;
  } catch {
    return undefined;
  }
}
