import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { Reference } from '../oci/reference.ts';
import type { CallOptions, Manifest, Registry, Served, UpstreamLogin } from '../registry/registry.ts';
import { type Admission, ATTACHED, type ManifestQuestion } from './admission.ts';
import { isAttachment, isReferrersList, subjectOfTag } from './attachment.ts';
import { auditHeaders, type Decision, heldHeaders, heldRefusal, LATER_MS, refusalOf } from './decision.ts';
import type { AgeResult } from './minimum-age.ts';
import { type AdmissionRule, type AgedRule, guardsParts, hasAge, isOpen } from './rule.ts';
import type { SigningRegistry } from './upstream-signatures.ts';

export interface GateOptions {
  readonly admission: Admission;
  /** Signatures are fetched from it, whether or not clients may have them. */
  readonly signing: SigningRegistry;
  readonly storedName: (repository: string) => string;
  readonly isOffline: boolean;
  /** Fetches the image of a tag, in the background. */
  readonly prefetch: (repository: string, tag: string, login: UpstreamLogin | undefined) => void;
}

/** A repository that a rule is about. */
interface Gate {
  readonly rule: AdmissionRule;
  /** Stored name. */
  readonly stored: string;
}

/** What a request is about. */
interface Requested {
  readonly digest: Digest;
  /** Of a manifest. Absent when it has not been fetched. */
  readonly bytes?: Uint8Array | undefined;
  /** By the history of its tag. */
  readonly isOfAge?: boolean | undefined;
  readonly call: CallOptions | undefined;
}

type Reading = Pick<Registry, 'resolveManifest' | 'getManifest'>;
type AgedGate = Gate & { readonly rule: AgedRule };
/** Reads what a tag or digest refers to, with or without its bytes. */
type Read<T> = (reference: Reference) => Promise<Served<T>>;

/** Reads of the repositories of one upstream, as the rules admit them. */
export class Gates {
  readonly #registry: Reading;
  readonly #options: GateOptions;

  constructor(registry: Reading, options: GateOptions) {
    this.#registry = registry;
    this.#options = options;
  }

  of(repository: string): Gate | undefined {
    const { admission, storedName } = this.#options;
    const stored = storedName(repository);
    const rule = admission.ruleOf(stored);
    return rule === undefined || isOpen(rule) ? undefined : { rule, stored };
  }

  /** @returns undefined when the blob may be served; else a promise that rejects when it may not */
  part(repository: string, digest: Digest, call?: CallOptions): Promise<void> | undefined {
    const { admission, storedName } = this.#options;
    const stored = storedName(repository);
    const rule = admission.ruleOf(stored);
    if (!guardsParts(rule) || admission.released.has(stored, digest, 'blob')) return undefined;
    return this.#part({ rule, stored }, repository, { digest, call });
  }

  async #part(gate: Gate, repository: string, requested: Requested): Promise<void> {
    const decision = await this.#options.admission.decidePart(this.#question(gate, repository, requested));
    this.#throwUnlessAdmitted(gate, requested.digest, decision);
  }

  async getManifest(
    gate: Gate,
    repository: string,
    reference: Reference,
    call: CallOptions | undefined,
  ): Promise<Served<Manifest>> {
    const read = (wanted: Reference) => this.#registry.getManifest(repository, wanted, call);
    const aged = this.#agedTag(gate, reference);
    if (aged)
      return this.#served(gate, repository, { call, served: await this.#readAged(aged, repository, { call, read }) });
    const served = await read(reference);
    const subject = reference.kind === 'tag' ? subjectOfTag(reference.tag) : undefined;
    if (subject && (await this.#isAttached(gate, repository, { subject, served, call }))) return served;
    return this.#served(gate, repository, { call, served: { ...served, isOfAge: this.#isExempt(gate, reference) } });
  }

  async #served<T extends Descriptor & { readonly bytes?: Buffer }>(
    gate: Gate,
    repository: string,
    { call, served }: Pick<Requested, 'call'> & { readonly served: Served<T> & { readonly isOfAge?: boolean } },
  ): Promise<Served<T>> {
    const { digest, bytes, isOfAge } = served;
    const decision = await this.#decide(gate, repository, { digest, bytes, isOfAge, call });
    // Of a manifest that is in storage, the index has the parts.
    if (served.bytes && served.outcome !== 'HIT' && decision.outcome === 'allow' && decision.until === undefined)
      this.#options.admission.released.addPartsOf(gate.stored, served.bytes);
    return this.#marked(gate, served, decision);
  }

  async resolveManifest(
    gate: Gate,
    repository: string,
    reference: Reference,
    call: CallOptions | undefined,
  ): Promise<Served<Descriptor>> {
    const isDigestTag = reference.kind === 'tag' && subjectOfTag(reference.tag) !== undefined;
    // An attachment is recognised by its bytes.
    if (isDigestTag || !this.#isKnown(gate, reference)) return this.getManifest(gate, repository, reference, call);
    const read = (wanted: Reference) => this.#registry.resolveManifest(repository, wanted, call);
    const aged = this.#agedTag(gate, reference);
    const served = aged
      ? await this.#readAged(aged, repository, { call, read })
      : { ...(await read(reference)), isOfAge: this.#isExempt(gate, reference) };
    return this.#served(gate, repository, { call, served });
  }

  /** Whether a `HEAD` costs no fetch: a tag is decided by the digest that it refers to. */
  #isKnown({ stored }: Gate, reference: Reference): boolean {
    return reference.kind === 'tag' || this.#options.admission.known(stored, reference.digest) !== undefined;
  }

  /** Whether the referrers of a manifest are listed: an audit lists all. @throws {RegistryError} when it is refused */
  async check(gate: Gate, repository: string, requested: Requested): Promise<void> {
    if (gate.rule.mode === 'audit') return;
    const { digest, call } = requested;
    // No decision is kept about digests that clients invent.
    const reference = { kind: 'digest', digest } as const;
    const isKnown = this.#isKnown(gate, reference);
    if (!isKnown && !(await orMissing(this.#registry.resolveManifest(repository, reference, call)))) return;
    const decision = await this.#decide(gate, repository, requested);
    this.#throwUnlessAdmitted(gate, digest, decision);
  }

  /** Absent when the tag needs no age. */
  #agedTag(gate: Gate, reference: Reference): (AgedGate & { readonly tag: string }) | undefined {
    const { rule, stored } = gate;
    if (!hasAge(rule) || reference.kind === 'digest' || subjectOfTag(reference.tag)) return undefined;
    return this.#isExempt(gate, reference) ? undefined : { rule, stored, tag: reference.tag };
  }

  /** Whether a tag needs no age, nor the digest that it names. */
  #isExempt({ rule, stored }: Gate, reference: Reference): boolean {
    return reference.kind === 'tag' && rule.age?.isExempt(`${stored}:${reference.tag}`) === true;
  }

  /** The newest digest of a tag that is old enough. @throws {RegistryError} when there is none */
  async #readAged<T extends Descriptor>(
    gate: AgedGate & { readonly tag: string },
    repository: string,
    { call, read }: { readonly call: CallOptions | undefined; readonly read: Read<T> },
  ): Promise<Served<T> & { readonly isOfAge: boolean }> {
    const current = await this.#registry.resolveManifest(repository, { kind: 'tag', tag: gate.tag }, call);
    const { digests, heldUntil } = await this.#choose(gate, repository, { current, call });
    const isStale = current.outcome === 'STALE' && { outcome: current.outcome };
    if (heldUntil !== undefined && gate.rule.mode === 'audit') {
      const served = await read({ kind: 'digest', digest: current.digest });
      // Not of age: an admission that is kept would outlive the audit.
      return { ...served, ...isStale, headers: auditHeaders('hold', gate.rule), isOfAge: false };
    }
    for (const digest of digests) {
      const served = await orMissing(read({ kind: 'digest', digest }));
      if (!served) continue;
      const headers =
        heldUntil !== undefined && digest !== current.digest && heldHeaders({ ...current, until: heldUntil });
      return { ...served, ...isStale, ...(headers && { headers }), isOfAge: true };
    }
    const until = heldUntil ?? this.#options.admission.now;
    throw heldRefusal(
      { repository: gate.stored, digest: current.digest, until },
      { ...gate, now: this.#options.admission.now },
    );
  }

  async #choose(
    gate: AgedGate & { readonly tag: string },
    repository: string,
    { current, call }: Pick<Requested, 'call'> & { readonly current: Served<Descriptor> },
  ): Promise<AgeResult> {
    const { digest, outcome } = current;
    const { admission, prefetch } = this.#options;
    const { rule, stored, tag } = gate;
    const isExcepted = () => admission.isExcepted(this.#question(gate, repository, { digest, call }));
    try {
      const question = { repository: stored, digest, rule, tag, isConfirmed: outcome !== 'STALE', isExcepted };
      const result = await admission.age.choose(question);
      if (result.isNew && rule.age.prefetch) prefetch(repository, tag, call?.login);
      return result;
    } catch (err) {
      admission.failed(err);
      if (rule.mode === 'audit') return { digests: [digest] };
      const decision: Decision = {
        outcome: 'later',
        reason: 'the history of the tag cannot be read',
        until: admission.now + LATER_MS,
      };
      throw refusalOf(decision, { repository: stored, digest }, { rule, now: admission.now });
    }
  }

  #decide(gate: Gate, repository: string, requested: Requested): Promise<Decision> {
    return this.#options.admission.decide(this.#question(gate, repository, requested));
  }

  /** @throws {RegistryError} when it is refused */
  #marked<T extends { readonly digest: Digest }>(gate: Gate, served: Served<T>, decision: Decision): Served<T> {
    if (decision.outcome === 'allow') return served;
    if (gate.rule.mode === 'audit') {
      const headers = auditHeaders(decision.outcome === 'deny' ? 'deny' : 'delay', gate.rule);
      return { ...served, headers: { ...headers, ...served.headers } };
    }
    this.#throwUnlessAdmitted(gate, served.digest, decision);
    return served;
  }

  /** Signatures and the like, under their tag, are served with the image. */
  async #isAttached(
    gate: Gate,
    repository: string,
    { subject, served, call }: Pick<Requested, 'call'> & { readonly subject: Digest; readonly served: Manifest },
  ): Promise<boolean> {
    const isPart = isAttachment(served.bytes);
    if (!isPart && !isReferrersList(served.bytes)) return false;
    const { outcome, until } = await this.#decide(gate, repository, { digest: subject, call });
    if (outcome !== 'allow') return false;
    const { admission } = this.#options;
    // The images that a list of referrers names are not admitted with it.
    if (isPart && until === undefined)
      await admission.admit({ repository: gate.stored, digest: served.digest }, gate.rule, `${ATTACHED}${subject}`);
    return true;
  }

  #throwUnlessAdmitted({ rule, stored }: Gate, digest: Digest, decision: Decision): void {
    if (decision.outcome === 'allow') return;
    throw refusalOf(decision, { repository: stored, digest }, { rule, now: this.#options.admission.now });
  }

  #question({ rule, stored }: Gate, repository: string, { digest, bytes, isOfAge, call }: Requested): ManifestQuestion {
    const { signing: registry, isOffline } = this.#options;
    return {
      repository: stored,
      digest,
      rule,
      bytes,
      isOfAge,
      source: { registry, repository, isOffline, login: call?.login },
    };
  }
}

/** An upstream may have removed a manifest that a tag named before. */
async function orMissing<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (err) {
    if (err instanceof RegistryError && err.code === 'MANIFEST_UNKNOWN') return undefined;
    throw err;
  }
}
