import { createCountedCache } from '../cache/lru.ts';
import type { Clock, Timer } from '../clock/clock.ts';
import type { Digest } from '../oci/digest.ts';
import type { AdmissionEvents } from './admission-events.ts';
import { subjectOf } from './attachment.ts';
import { containingManifests, type PartsIndex } from './containing-manifests.ts';
import { dateOf, type DecidedContent, type Decision, LATER_MS } from './decision.ts';
import { Decisions, type StoredDecision } from './decisions.ts';
import { MinimumAge } from './minimum-age.ts';
import { type PartKind, ReleasedParts } from './released-parts.ts';
import { Releases } from './releases.ts';
import { type AdmissionPolicy, type AdmissionRule, type AgeCondition, decidesDigests, guardsParts } from './rule.ts';
import { decideBySignatures, type RepositorySource } from './signature-decision.ts';
import type { TagHistories } from './tag-histories.ts';
import type { UsageIndex } from '../usage/usage-index.ts';

export interface AdmissionOptions {
  readonly policy: AdmissionPolicy;
  readonly index: PartsIndex & Pick<UsageIndex, 'texts'>;
  readonly histories: TagHistories;
  readonly events: AdmissionEvents;
  readonly clock: Clock;
}

/** A manifest to decide about. */
export interface ManifestQuestion extends DecidedContent {
  readonly rule: AdmissionRule;
  readonly source: RepositorySource;
  /** Absent when it has not been fetched. */
  readonly bytes?: Uint8Array | undefined;
  /** By the history of its tag. @default false */
  readonly isOfAge?: boolean | undefined;
}

const MAX_REPOSITORIES = 20_000;
/** A digest that is held may be released at any time. Milliseconds. */
const HELD_MS = 10_000;
/** An attachment of an attachment, in an index of an index … */
const MAX_DEPTH = 4;
const UNNAMED: Decision = { outcome: 'deny', reason: 'no admitted manifest of the repository names it' };
const UNCONDITIONAL: Decision = { outcome: 'allow', reason: 'its digest needs nothing' };
/** Begins the reason for an attachment. */
export const ATTACHED = 'attached to ';
const LISTED: Decision = { outcome: 'allow', reason: 'an admitted index lists it' };

/** Decides which content of upstreams clients get: by repository and digest, never by tag. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #decisions: Decisions;
  readonly #rules = createCountedCache<{ readonly rule: AdmissionRule | undefined }>({ maxEntries: MAX_REPOSITORIES });
  readonly released = new ReleasedParts();
  readonly releases: Releases;
  readonly age: MinimumAge;
  /** Which images have a signature that exempts them from the age. */
  readonly #exceptions: Decisions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    const { index, clock, events, policy } = options;
    const { now } = clock;
    const onError = (error: unknown) => events.notKept(error);
    const table = index.texts('admissions');
    const onFailure = policy.onError === 'allow' ? 'allow' : 'later';
    this.#decisions = new Decisions({ table, onFailure, now, onError });
    this.#exceptions = new Decisions({ table, onFailure: 'later', suffix: '#unless', now, onError });
    this.releases = new Releases(index.texts('releases'));
    this.age = new MinimumAge({ histories: options.histories, releases: this.releases, events, now });
  }

  /** The first rule for a stored name. */
  ruleOf(repository: string): AdmissionRule | undefined {
    const known = this.#rules.get(repository);
    if (known) return known.rule;
    const rule = this.#options.policy.rules.find(({ matches }) => matches(repository));
    this.#rules.set(repository, { rule });
    return rule;
  }

  /** Whether a blob is served, as far as this process knows. */
  isPartServed(repository: string, digest: Digest): boolean {
    return !guardsParts(this.ruleOf(repository)) || this.released.has(repository, digest, 'blob');
  }

  /** The same for a manifest. */
  isManifestServed(repository: string, digest: Digest): boolean {
    return !guardsParts(this.ruleOf(repository)) || this.known(repository, digest)?.outcome === 'allow';
  }

  /** Something could not be read. */
  failed(error: unknown): void {
    this.#options.events.notKept(error);
  }

  get now(): number {
    return this.#options.clock.now();
  }

  /** Whether an image has a signature that exempts it from the age. */
  async isExcepted({ repository, digest, rule, source }: ManifestQuestion): Promise<boolean> {
    const { unless } = rule.age ?? {};
    if (!unless) return false;
    const decide = () => this.#checked('signatures', decideBySignatures(unless, digest, source));
    const decided = this.#exceptions.of({ repository, digest, hash: rule.hash, decide });
    return (await this.#withinWait(decided)).outcome === 'allow';
  }

  /**
   * Decisions that are kept. Those that rest on another manifest, which lists it or to which it is attached, are not its own.
   *
   * @throws when the index cannot be read
   */
  async *kept(): AsyncGenerator<StoredDecision & DecidedContent & { readonly isOwn: boolean }, void, void> {
    for await (const decision of this.#decisions.stored())
      yield { ...decision, isOwn: decision.reason !== LISTED.reason && !isAttached(decision) };
  }

  /** Without I/O. */
  known(repository: string, digest: Digest): Decision | undefined {
    if (this.released.has(repository, digest, 'manifest')) return LISTED;
    return this.#decisions.known(`${repository}@${digest}`);
  }

  /** Waits as long as a client may wait. Never rejects. */
  async decide(question: ManifestQuestion): Promise<Decision> {
    const { rule, repository, digest } = question;
    if (!decidesDigests(rule)) return this.#undecided(rule);
    const known = this.known(repository, digest);
    const isAdmitted = known?.outcome === 'allow';
    const decision = isAdmitted ? known : await this.#withinWait(this.#decide(question));
    this.#options.events.requested({ rule, outcome: decision.outcome, isCached: known !== undefined });
    return decision;
  }

  #undecided(rule: AdmissionRule): Decision {
    this.#options.events.requested({ rule, outcome: 'allow', isCached: true });
    return UNCONDITIONAL;
  }

  /** Whether a manifest of the repository that is admitted names the content. Waits as long as a client may wait. */
  async decidePart({ repository, digest, rule, source }: Omit<ManifestQuestion, 'bytes'>): Promise<Decision> {
    if (this.released.has(repository, digest, 'blob')) return LISTED;
    const question = { repository, digest, rule, source };
    const decision = await this.#withinWait(this.#decideByParents(question, { kind: 'blob', depth: 0 }));
    if (decision?.outcome === 'allow' && decision.until === undefined)
      this.released.add({ repository, digest }, 'blob');
    return decision ?? UNNAMED;
  }

  /** Records that a manifest is served, as an attachment or because of its age. */
  async admit(content: DecidedContent, rule: AdmissionRule, reason: string): Promise<void> {
    if (this.known(content.repository, content.digest)?.outcome === 'allow') return;
    await this.#decisions.put(content, rule.hash, { outcome: 'allow', reason });
  }

  async #withinWait<T>(decided: Promise<T>): Promise<T | Decision> {
    const { clock, policy } = this.#options;
    const until = clock.now() + LATER_MS;
    const late: Decision = { outcome: 'later', reason: 'the decision takes longer', until };
    let timer: Timer | undefined;
    const timedOut = new Promise<Decision>((resolve) => {
      timer = clock.setTimer(() => resolve(late), policy.waitMs);
    });
    try {
      return await Promise.race([decided, timedOut]);
    } finally {
      timer?.cancel();
    }
  }

  async #decide(question: ManifestQuestion, depth = 0): Promise<Decision> {
    const { rule, repository, digest } = question;
    if (rule.static) return { outcome: rule.static, reason: `rule ${rule.name} decides so` };
    const known = this.known(repository, digest);
    if (known?.outcome === 'allow') return known;
    // Before a refusal that is known: an index that lists it may have been admitted since.
    const listed = await this.#decideByParents(question, { kind: 'manifest', depth });
    if (listed?.outcome === 'allow') {
      const decision = { ...LISTED, until: listed.until };
      if (listed.until === undefined) await this.#decisions.put({ repository, digest }, rule.hash, decision);
      return decision;
    }
    const alone = await this.#decideAlone(question, depth);
    return alone.outcome === 'deny' && listed?.outcome === 'later' ? listed : alone;
  }

  #decideAlone(question: ManifestQuestion, depth: number): Promise<Decision> {
    const { rule, repository, digest } = question;
    const decide = async () => {
      const decision = await this.#decideNow(question, depth);
      this.#options.events.decided({ rule, repository, digest, decision });
      return decision;
    };
    return this.#decisions.of({ repository, digest, hash: rule.hash, decide });
  }

  async #decideNow(question: ManifestQuestion, depth: number): Promise<Decision> {
    const { rule, digest, source, bytes } = question;
    const subject = bytes && depth < MAX_DEPTH ? subjectOf(bytes) : undefined;
    if (subject) {
      const decision = await this.#decide({ ...question, digest: subject, bytes: undefined }, depth + 1);
      if (decision.outcome === 'allow') return { ...decision, reason: `${ATTACHED}${subject}` };
    }
    const { signatures, age } = rule;
    const signed = signatures && (await this.#checked('signatures', decideBySignatures(signatures, digest, source)));
    if (signed?.outcome === 'deny' || age?.digests !== 'wait' || question.isOfAge) return signed ?? UNCONDITIONAL;
    return (await this.#decideByAge(question, age)) ?? signed ?? { outcome: 'allow', reason: 'old enough' };
  }

  /** @returns undefined when it is old enough, or needs no age */
  async #decideByAge(question: ManifestQuestion, age: AgeCondition): Promise<Decision | undefined> {
    const heldUntil = await this.#checked('age', this.age.digestHeldUntil(question, age));
    if (heldUntil === undefined || (await this.isExcepted(question))) return undefined;
    return {
      outcome: 'deny',
      reason: `held until ${dateOf(heldUntil)}`,
      until: Math.min(heldUntil, this.now + HELD_MS),
    };
  }

  async #checked<T>(check: string, work: Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await work;
    } finally {
      this.#options.events.checked(check, performance.now() - startedAt);
    }
  }

  /**
   * An attachment admits its blobs, and no manifest: anyone who can push can name an image as the content of one.
   *
   * @returns undefined when no manifest names it; else the best decision about those that do
   */
  async #decideByParents(
    { repository, digest, rule, source }: ManifestQuestion,
    { kind, depth }: { readonly kind: PartKind; readonly depth: number },
  ): Promise<Decision | undefined> {
    let best: Decision | undefined;
    if (depth >= MAX_DEPTH) return best;
    try {
      for await (const parent of containingManifests(this.#options.index, { repository, digest })) {
        const decision = await this.#decide({ repository, digest: parent, rule, source }, depth + 1);
        if (kind === 'manifest' && isAttached(decision)) continue;
        if (decision.outcome === 'allow') return decision;
        if (best?.outcome !== 'later') best = decision;
      }
    } catch (err) {
      this.#options.events.notKept(err);
      return { outcome: 'later', reason: 'the usage index cannot be read', until: this.now + LATER_MS };
    }
    return best;
  }
}

/** Whether it rests on the image that the manifest is attached to. */
function isAttached({ reason }: Decision): boolean {
  return reason.startsWith(ATTACHED);
}
