import { delegate } from '../filters/delegate.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Reference } from '../oci/reference.ts';
import type { HeldContent } from '../registry/held-content.ts';
import type { CallOptions, Manifest, RedirectedBlob, Registry, Served } from '../registry/registry.ts';
import type { Admission, ManifestQuestion } from './admission.ts';
import { isAttachment, isReferrersList, subjectOfTag } from './attachment.ts';
import { auditHeaders, type Decision, refusalOf } from './decision.ts';
import { type AdmissionRule, guardsParts, isOpen } from './rule.ts';
import type { SigningRegistry } from './upstream-signatures.ts';

export interface AdmittedRegistryOptions {
  readonly admission: Admission;
  /** Signatures are fetched from it, whether or not clients may have them. */
  readonly signing: SigningRegistry;
  readonly storedName: (repository: string) => string;
  readonly isOffline: boolean;
}

/** A repository that a rule is about. */
interface Gate {
  readonly rule: AdmissionRule;
  /** Stored name. */
  readonly stored: string;
}

interface DecidedManifest {
  readonly digest: Digest;
  /** Absent when it has not been fetched. */
  readonly bytes?: Uint8Array | undefined;
}

type Reading = Pick<Registry, 'resolveManifest' | 'getManifest'>;

/**
 * The same registry, without content that the rules do not admit: calls for it reject with the reason. It is in storage, and in no form
 * served: by tag or digest, nor its parts, unless an admitted manifest of the repository names them.
 * A call for a repository without a rule costs one look-up.
 */
export function admitContent(registry: Registry, options: AdmittedRegistryOptions): Registry {
  const gates = new Gates(registry, options);
  return {
    ...delegate(registry),
    resolveManifest(repository, reference, call) {
      const gate = gates.of(repository);
      return gate
        ? gates.resolveManifest(gate, repository, reference, call)
        : registry.resolveManifest(repository, reference, call);
    },
    getManifest(repository, reference, call) {
      const gate = gates.of(repository);
      return gate
        ? gates.getManifest(gate, repository, reference, call)
        : registry.getManifest(repository, reference, call);
    },
    resolveBlob(repository, digest, call) {
      const checked = gates.part(repository, digest);
      return checked
        ? checked.then(() => registry.resolveBlob(repository, digest, call))
        : registry.resolveBlob(repository, digest, call);
    },
    openBlob(repository, digest, call) {
      const checked = gates.part(repository, digest);
      return checked
        ? checked.then(() => registry.openBlob(repository, digest, call))
        : registry.openBlob(repository, digest, call);
    },
    redirectBlob(repository, digest, request) {
      const checked = gates.part(repository, digest);
      return checked
        ? checked.then((): Promise<Served<RedirectedBlob> | undefined> | undefined =>
            registry.redirectBlob(repository, digest, request),
          )
        : registry.redirectBlob(repository, digest, request);
    },
    async listReferrers(repository, digest, query, call) {
      const gate = gates.of(repository);
      if (gate) await gates.check(gate, repository, digest);
      return registry.listReferrers(repository, digest, query, call);
    },
  };
}

/** The same for content in memory: whatever is not known to be admitted has to be looked up. */
export function admitHeld(
  held: HeldContent,
  { admission, storedName }: Pick<AdmittedRegistryOptions, 'admission' | 'storedName'>,
): HeldContent {
  return {
    manifest(repository, reference) {
      const stored = storedName(repository);
      if (isOpen(admission.ruleOf(stored))) return held.manifest(repository, reference);
      const manifest = held.manifest(repository, reference);
      return manifest && admission.known(stored, manifest.digest)?.outcome === 'allow' ? manifest : undefined;
    },
    blob(repository, digest) {
      const stored = storedName(repository);
      return admission.isPartServed(stored, digest) ? held.blob(repository, digest) : undefined;
    },
  };
}

class Gates {
  readonly #registry: Reading;
  readonly #options: AdmittedRegistryOptions;

  constructor(registry: Reading, options: AdmittedRegistryOptions) {
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
  part(repository: string, digest: Digest): Promise<void> | undefined {
    const { admission, storedName } = this.#options;
    const stored = storedName(repository);
    const rule = admission.ruleOf(stored);
    if (!guardsParts(rule) || admission.released.has(stored, digest)) return undefined;
    return this.#part({ rule, stored }, repository, digest);
  }

  async #part(gate: Gate, repository: string, digest: Digest): Promise<void> {
    const decision = await this.#options.admission.decidePart(this.#question(gate, repository, { digest }));
    this.#throwUnlessAdmitted(gate, digest, decision);
  }

  async getManifest(
    gate: Gate,
    repository: string,
    reference: Reference,
    call: CallOptions | undefined,
  ): Promise<Served<Manifest>> {
    const served = await this.#registry.getManifest(repository, reference, call);
    const subject = reference.kind === 'tag' ? subjectOfTag(reference.tag) : undefined;
    if (subject && (await this.#isAttached(gate, repository, { subject, served }))) return served;
    const decision = await this.#decide(gate, repository, served);
    // Of a manifest that is in storage, the index has the parts.
    if (served.outcome !== 'HIT' && decision.outcome === 'allow' && decision.until === undefined)
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
    const served = await this.#registry.resolveManifest(repository, reference, call);
    return this.#marked(gate, served, await this.#decide(gate, repository, served));
  }

  /** Whether a `HEAD` costs no fetch: a tag is decided by the digest that it refers to. */
  #isKnown({ stored }: Gate, reference: Reference): boolean {
    return reference.kind === 'tag' || this.#options.admission.known(stored, reference.digest) !== undefined;
  }

  /** @throws {RegistryError} when it is refused */
  async check(gate: Gate, repository: string, digest: Digest): Promise<void> {
    const decision = await this.#decide(gate, repository, { digest });
    if (gate.rule.mode === 'enforce') this.#throwUnlessAdmitted(gate, digest, decision);
  }

  #decide(gate: Gate, repository: string, manifest: DecidedManifest): Promise<Decision> {
    return this.#options.admission.decide(this.#question(gate, repository, manifest));
  }

  /** @throws {RegistryError} when it is refused */
  #marked<T extends { readonly digest: Digest }>(gate: Gate, served: Served<T>, decision: Decision): Served<T> {
    if (decision.outcome === 'allow') return served;
    if (gate.rule.mode === 'audit') return { ...served, headers: auditHeaders(decision, gate.rule) };
    this.#throwUnlessAdmitted(gate, served.digest, decision);
    return served;
  }

  /** Signatures and the like, under their tag, are served with the image. */
  async #isAttached(
    gate: Gate,
    repository: string,
    { subject, served }: { readonly subject: Digest; readonly served: Manifest },
  ): Promise<boolean> {
    const isPart = isAttachment(served.bytes);
    if (!isPart && !isReferrersList(served.bytes)) return false;
    const { outcome, until } = await this.#decide(gate, repository, { digest: subject });
    if (outcome !== 'allow') return false;
    const { admission } = this.#options;
    // The images that a list of referrers names are not admitted with it.
    if (isPart && until === undefined)
      await admission.attached({ repository: gate.stored, digest: served.digest }, gate.rule, subject);
    return true;
  }

  #throwUnlessAdmitted({ rule, stored }: Gate, digest: Digest, decision: Decision): void {
    if (decision.outcome === 'allow') return;
    throw refusalOf(decision, { repository: stored, digest }, { rule, now: this.#options.admission.now });
  }

  #question({ rule, stored }: Gate, repository: string, { digest, bytes }: DecidedManifest): ManifestQuestion {
    const { signing: registry, isOffline } = this.#options;
    return { repository: stored, digest, rule, bytes, source: { registry, repository, isOffline } };
  }
}
