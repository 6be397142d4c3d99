import { createCountedCache } from '../cache/lru.ts';
import type { Clock } from '../clock/clock.ts';
import type { RegistryError } from '../oci/errors.ts';
import { SingleFlight } from '../pull-through/single-flight.ts';
import type { HeldContent } from '../registry/held-content.ts';
import type { Registry } from '../registry/registry.ts';
import type { AccessCaller, RepositoryAccess, WantedContent } from '../registry/repository-access.ts';
import { type AccessCheck, UpstreamError } from '../upstream/upstream.ts';
import { identificationRequired, notDecided, tokenRequired, unknownRepository } from './access-errors.ts';
import type { AccessEvents, AccessOutcome, AccessSource } from './access-events.ts';
import { PermittedRegistry } from './permitted-registry.ts';
import { tokenLogin } from './client-token.ts';
import {
  ANONYMOUS_SUBJECT,
  decide,
  type Decision,
  type DecisionPolicy,
  heldOver,
  isLive,
  keptMs,
  policyFor,
} from './decision.ts';
import type { Decisions, NamedDecision } from './decisions.ts';
import { type Admission, createLoginsOf, type GroupAccount, type Login, PUBLIC, VISITOR } from './logins.ts';

export interface AccessPolicy extends DecisionPolicy {
  readonly visibility: 'probe' | 'public' | 'private';
  /** Clients may present tokens of the upstream. */
  readonly takesTokens: boolean;
}

export interface UpstreamAccessOptions {
  /** Name of the upstream. */
  readonly name: string;
  readonly registry: Registry;
  readonly upstream: AccessCheck;
  readonly policy: AccessPolicy;
  /** For fingerprints of tokens. Replicas that share decisions have the same. */
  readonly secret: string;
  readonly accounts: readonly GroupAccount[];
  readonly decisions: Decisions;
  /** Those of all replicas. Absent when there is one. */
  readonly shared?: SharedDecisions | undefined;
  readonly events: AccessEvents;
  readonly clock: Pick<Clock, 'now'>;
}

export interface SharedDecisions {
  /** Absent while they cannot be reached. */
  find(repository: string, subject: string): Promise<Decision | undefined>;
  keep(decision: NamedDecision, forMs: number): Promise<void>;
  all(): Promise<readonly NamedDecision[]>;
  /** @returns how many were removed */
  remove(isRemoved: (named: NamedDecision) => boolean): Promise<number>;
}

/** For a check, while a decision can be held over; and without one. Milliseconds. */
const QUICK_MS = 1_500;
const PATIENT_MS = 10_000;
/** A registry may move its token server. Milliseconds. */
const CHALLENGE_MS = 600_000;

interface Checked {
  readonly decision: Decision;
  readonly source: AccessSource;
  /** It holds for the wanted content alone. */
  readonly isUnclear?: boolean;
}

/** Who may read which repository of an upstream: one decision per repository and login, which covers all of its content. */
export class UpstreamAccess implements RepositoryAccess {
  readonly #options: UpstreamAccessOptions;
  readonly #accountsOf: ReturnType<typeof createLoginsOf>;
  readonly #checks = new SingleFlight<Checked>();
  /** How often decisions were forgotten: a check that began before is not kept, nor joined. */
  #forgotten = 0;
  readonly #challenges = createCountedCache<{ readonly challenge: string }>({
    maxEntries: 1_000,
    ttlMs: CHALLENGE_MS,
  });

  constructor(options: UpstreamAccessOptions) {
    this.#options = options;
    this.#accountsOf = createLoginsOf(options.accounts);
  }

  get takesTokens(): boolean {
    return this.#options.policy.takesTokens;
  }

  registryFor(caller: AccessCaller): Registry {
    return new PermittedRegistry(this.#options.registry, this, caller);
  }

  /** Synchronous when a decision is in memory. @throws {RegistryError} `NAME_UNKNOWN` | `UNAUTHORIZED` | `UNAVAILABLE` */
  admit(repository: string, caller: AccessCaller, wanted: WantedContent): Admission | Promise<Admission> {
    const known = this.#known(repository, caller);
    if (!known) return this.#admit(repository, caller, wanted);
    const source = this.#options.policy.visibility === 'public' ? 'rule' : 'cached';
    this.#decided(source, known.isPrivate ? 'allowed' : 'public');
    return known;
  }

  isAdmitted(repository: string, caller: AccessCaller): boolean {
    return this.#known(repository, caller) !== undefined;
  }

  async decide(repository: string, caller: AccessCaller, wanted: WantedContent): Promise<boolean> {
    try {
      await this.admit(repository, caller, wanted);
      return true;
    } catch {
      return false;
    }
  }

  /** Decisions that are kept, also those that have ended. */
  async all(): Promise<readonly NamedDecision[]> {
    const { decisions, shared } = this.#options;
    const common = (await shared?.all()) ?? [];
    const isCommon = new Set(common.map(({ subject, repository }) => `${subject}\n${repository}`));
    const own = decisions.all().filter(({ subject, repository }) => !isCommon.has(`${subject}\n${repository}`));
    return [...common, ...own];
  }

  /** Requests are decided again, by all replicas once {@link forgetInMemory} is called there. @returns how many decisions were removed */
  async forget(isForgotten: (named: NamedDecision) => boolean): Promise<number> {
    const own = this.forgetInMemory(isForgotten);
    this.endChecks();
    const removed = (await this.#options.shared?.remove(isForgotten)) ?? 0;
    // Those that were found in the shared ones meanwhile.
    return Math.max(removed, own + this.forgetInMemory(isForgotten));
  }

  /** Checks that are in progress are not kept: the right may have been withdrawn since they began. */
  endChecks(): void {
    this.#forgotten++;
  }

  forgetInMemory(isForgotten: (named: NamedDecision) => boolean): number {
    return this.#options.decisions.remove(isForgotten);
  }

  /** Content that another process may serve to every client: of public repositories, while the decision counts. */
  held(content: HeldContent): HeldContent {
    const bounded = <T extends { readonly forMs?: number | undefined }>(repository: string, held: T | undefined) => {
      const forMs = held && this.#publicFor(repository);
      return forMs === undefined ? undefined : { ...(held as T), forMs: Math.min(held?.forMs ?? Infinity, forMs) };
    };
    return {
      manifest: (repository, reference) => bounded(repository, content.manifest(repository, reference)),
      blob: (repository, digest) => bounded(repository, content.blob(repository, digest)),
    };
  }

  #publicFor(repository: string): number | undefined {
    const { visibility } = this.#options.policy;
    if (visibility !== 'probe') return visibility === 'public' ? Infinity : undefined;
    const now = this.#options.clock.now();
    const decision = this.#options.decisions.of(repository)?.get(ANONYMOUS_SUBJECT);
    return decision?.isAllowed && isLive(decision, now) ? decision.until - now : undefined;
  }

  #known(repository: string, caller: AccessCaller): Admission | undefined {
    const { policy, decisions, clock } = this.#options;
    if (policy.visibility === 'public') return PUBLIC;
    const known = decisions.of(repository);
    if (!known) return undefined;
    const now = clock.now();
    const isAllowed = ({ subject }: Login) => {
      const decision = known.get(subject);
      return decision?.isAllowed === true && isLive(decision, now);
    };
    if (policy.visibility === 'probe' && isAllowed(VISITOR)) return PUBLIC;
    return this.#loginsOf(repository, caller).find(isAllowed)?.admission;
  }

  async #admit(repository: string, caller: AccessCaller, wanted: WantedContent): Promise<Admission> {
    let failure: UpstreamError | undefined;
    let source: AccessSource = 'rule';
    for (const login of this.#inOrder(repository, caller)) {
      try {
        const checked = await this.#decisionOf(repository, login, wanted);
        source = checked.source;
        if (!checked.decision.isAllowed) continue;
        this.#decided(source, login.admission.isPrivate ? 'allowed' : 'public');
        return login.admission;
      } catch (err) {
        if (!(err instanceof UpstreamError)) throw err;
        failure ??= err;
      }
    }
    this.#decided(failure ? 'head' : source, failure ? 'unavailable' : 'refused');
    throw failure ? notDecided(this.#options.name, failure) : await this.#refusal(repository, caller);
  }

  #loginsOf(repository: string, caller: AccessCaller): readonly Login[] {
    const { policy, secret } = this.#options;
    const accounts = this.#accountsOf(repository, caller);
    const token = policy.takesTokens ? tokenLogin(caller.authorization, secret) : undefined;
    return token ? [...accounts, token] : accounts;
  }

  /** Whether it is public comes first, unless it was private before. */
  #inOrder(repository: string, caller: AccessCaller): readonly Login[] {
    const { policy, decisions } = this.#options;
    const logins = this.#loginsOf(repository, caller);
    if (policy.visibility === 'private') return logins;
    const wasPrivate = decisions.of(repository)?.get(ANONYMOUS_SUBJECT)?.isAllowed === false;
    return wasPrivate ? [...logins, VISITOR] : [VISITOR, ...logins];
  }

  async #decisionOf(repository: string, login: Login, wanted: WantedContent): Promise<Checked> {
    const known = this.#options.decisions.of(repository)?.get(login.subject);
    if (known && isLive(known, this.#options.clock.now())) return { decision: known, source: 'cached' };
    const check = () =>
      this.#checks.run(`${this.#forgotten}\n${login.subject}\n${repository}`, () =>
        this.#check(repository, login, wanted),
      );
    const { result, joined } = check();
    const checked = await result;
    return joined && checked.isUnclear ? check().result : checked;
  }

  async #check(repository: string, login: Login, wanted: WantedContent): Promise<Checked> {
    const { decisions, shared, clock, events, name } = this.#options;
    const { subject } = login;
    const forgotten = this.#forgotten;
    const kept = await shared?.find(repository, subject);
    if (kept && isLive(kept, clock.now()) && forgotten === this.#forgotten) {
      decisions.set({ repository, subject, decision: kept });
      return { decision: kept, source: 'cached' };
    }
    const policy = policyFor(subject, this.#options.policy);
    const last = decisions.of(repository)?.get(subject) ?? kept;
    const startedAt = performance.now();
    try {
      return await this.#checkAtUpstream(repository, login, {
        ...{ wanted, forgotten },
        deadlineMs: last ? QUICK_MS : PATIENT_MS,
      });
    } catch (err) {
      const held = err instanceof UpstreamError ? heldOver(last, clock.now(), policy) : undefined;
      if (!held) throw err;
      events.accessHeldOver({ upstream: name, repository, reason: (err as UpstreamError).message });
      decisions.set({ repository, subject, decision: held });
      return { decision: held, source: 'cached' };
    } finally {
      events.accessChecked({ upstream: name, durationMs: performance.now() - startedAt });
    }
  }

  async #checkAtUpstream(
    repository: string,
    { subject, check, endsAt }: Login,
    {
      wanted,
      forgotten,
      deadlineMs,
    }: { readonly wanted: WantedContent; readonly forgotten: number; readonly deadlineMs: number },
  ): Promise<Checked> {
    const { upstream, clock, decisions, shared } = this.#options;
    const policy = policyFor(subject, this.#options.policy);
    const isEnded = endsAt !== undefined && endsAt <= clock.now();
    const result = isEnded ? 'refused' : await upstream.checkAccess(repository, wanted, { login: check, deadlineMs });
    const now = clock.now();
    const isAllowed = result === 'granted';
    const decision = decide(isAllowed, { now, subject, policy, endsAt: isAllowed ? endsAt : undefined });
    const source = subject === ANONYMOUS_SUBJECT ? 'probe' : 'head';
    if (result === 'unclear') return { decision, source, isUnclear: true };
    if (forgotten !== this.#forgotten) return { decision, source };
    decisions.set({ repository, subject, decision });
    await shared?.keep({ repository, subject, decision }, keptMs(decision, now, policy));
    return { decision, source };
  }

  async #refusal(repository: string, caller: AccessCaller): Promise<RegistryError> {
    const { accounts, policy } = this.#options;
    if (policy.takesTokens && caller.name === '') {
      const theirs = await this.#challengeFor(repository);
      if (theirs !== undefined) return tokenRequired(theirs);
    }
    const couldHelp = accounts.some(({ isFor }) => isFor?.(repository) ?? true);
    const challenge = caller.name === '' && couldHelp ? caller.challenge?.() : undefined;
    return challenge?.code === 'UNAUTHORIZED' ? identificationRequired(challenge) : unknownRepository(repository);
  }

  /** Without one, the response is the same as without `takesTokens`. */
  async #challengeFor(repository: string): Promise<string | undefined> {
    const known = this.#challenges.get(repository);
    if (known) return known.challenge;
    const { upstream } = this.#options;
    const challenge = await upstream.findChallenge(repository, { deadlineMs: PATIENT_MS }).catch(() => undefined);
    if (challenge !== undefined) this.#challenges.set(repository, { challenge });
    return challenge;
  }

  #decided(source: AccessSource, result: AccessOutcome): void {
    this.#options.events.accessDecided({ upstream: this.#options.name, source, result });
  }
}
