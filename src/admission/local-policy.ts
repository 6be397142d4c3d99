import type { Digest } from '../oci/digest.ts';
import { ControlError } from '../operations/control-error.ts';
import type {
  CheckedSignature,
  HeldImage,
  PolicyCheck,
  PolicyControl,
  ReleasedImage,
} from '../operations/policy-control.ts';
import type { RegistryReader } from '../registry/registry.ts';
import type { SignatureVerdict } from '../signatures/verify-image.ts';
import type { Admission } from './admission.ts';
import { dateOf } from './decision.ts';
import { type AdmissionRule, hasAge } from './rule.ts';
import { type RepositorySource, verifySignatures } from './signature-decision.ts';
import { parseStoredName } from './stored-name.ts';
import type { TagHistories } from './tag-histories.ts';

export interface LocalPolicyOptions {
  readonly admission: Admission;
  readonly histories: TagHistories;
  /** @param repository its stored name @throws {ControlError} `not-found` when it belongs to no upstream */
  readonly find: (
    repository: string,
  ) => RepositorySource & { readonly registry: Pick<RegistryReader, 'resolveManifest'> };
  readonly onReleased: (event: {
    readonly repository: string;
    readonly digest: Digest;
    readonly reason: string;
  }) => void;
}

interface Checked extends Pick<PolicyCheck, 'name' | 'digest'> {
  readonly repository: string;
  /** Absent for a digest. */
  readonly tag?: string | undefined;
}

type Result = Pick<PolicyCheck, 'outcome' | 'reason' | 'served' | 'signatures'>;

const MAX_REASON = 1_000;
const OPEN: Result = { outcome: 'allow', reason: 'no rule is about it' };

/** The rules, for operators. */
export class LocalPolicy implements PolicyControl {
  readonly #options: LocalPolicyOptions;

  constructor(options: LocalPolicyOptions) {
    this.#options = options;
  }

  async checkPolicy(name: string): Promise<PolicyCheck> {
    const { repository, reference } = parseStoredName(name);
    if (reference.kind === 'digest') return this.#check({ name, repository, digest: reference.digest });
    const { registry, repository: remote } = this.#options.find(repository);
    const { digest } = await registry.resolveManifest(remote, reference);
    return this.#check({ name, repository, digest, tag: reference.tag });
  }

  async policyChanges(): Promise<readonly PolicyCheck[]> {
    const { admission } = this.#options;
    const changes: PolicyCheck[] = [];
    for await (const { repository, digest, hash, outcome, isOwn } of admission.kept()) {
      const rule = admission.ruleOf(repository);
      if (outcome !== 'allow' || !isOwn || !rule || rule.hash === hash) continue;
      const check = await this.#check({ name: `${repository}@${digest}`, repository, digest });
      if (check.outcome !== 'allow') changes.push(check);
    }
    return changes;
  }

  async heldContent(): Promise<readonly HeldImage[]> {
    const held: HeldImage[] = [];
    for await (const image of this.#heldTags()) held.push(image);
    const { admission } = this.#options;
    for await (const { repository, digest, outcome, reason, hash } of admission.kept()) {
      const rule = admission.ruleOf(repository);
      if (outcome !== 'deny' || rule?.hash !== hash) continue;
      held.push({ name: `${repository}@${digest}`, digest, rule: rule.name, reason });
    }
    return held;
  }

  async releaseContent(name: string, reason: string): Promise<ReleasedImage> {
    const { repository, reference } = parseStoredName(name);
    if (reference.kind === 'tag') throw new ControlError('invalid', `${name}: name the digest, as a tag can move`);
    if (reason.trim() === '' || reason.length > MAX_REASON)
      throw new ControlError('invalid', `the reason must have 1 to ${MAX_REASON} characters`);
    const { admission, onReleased } = this.#options;
    const content = { repository, digest: reference.digest };
    await admission.releases.add(content, { reason, at: admission.now });
    onReleased({ ...content, reason });
    return { name, reason };
  }

  async *#heldTags(): AsyncGenerator<HeldImage, void, void> {
    const { admission, histories } = this.#options;
    for await (const { repository, tag, history } of histories.all()) {
      const digest = history.at(-1)?.digest;
      const rule = admission.ruleOf(repository);
      if (!digest || !rule || !hasAge(rule) || rule.age.isExempt(`${repository}:${tag}`)) continue;
      const { heldUntil } = await admission.age.preview(history, { repository, digest, rule });
      if (heldUntil === undefined) continue;
      const reason = `held until ${dateOf(heldUntil)}`;
      yield { name: `${repository}:${tag}`, digest, rule: rule.name, reason, until: heldUntil };
    }
  }

  async #check({ name, digest, repository, tag }: Checked): Promise<PolicyCheck> {
    const rule = this.#options.admission.ruleOf(repository);
    const result = rule ? await this.#resultOf(rule, { name, digest, repository, tag }) : OPEN;
    return { name, digest, ...(rule && { rule: { name: rule.name, mode: rule.mode } }), ...result };
  }

  async #resultOf(rule: AdmissionRule, checked: Checked): Promise<Result> {
    if (rule.static) return { outcome: rule.static, reason: `rule ${rule.name} decides so` };
    const signed = rule.signatures && (await this.#signatures(rule, checked));
    if (signed && signed.outcome !== 'allow') return signed;
    return (await this.#age(rule, checked)) ?? signed ?? { outcome: 'allow', reason: 'its digest needs nothing' };
  }

  async #signatures({ signatures }: AdmissionRule, { digest, repository }: Checked): Promise<Result> {
    if (!signatures) return OPEN;
    try {
      const { decision, verdict } = await verifySignatures(signatures, digest, this.#options.find(repository));
      return { outcome: decision.outcome, reason: decision.reason, signatures: describe(verdict) };
    } catch (err) {
      if (err instanceof ControlError) throw err;
      return { outcome: 'later', reason: err instanceof Error ? err.message : String(err) };
    }
  }

  /** @returns undefined when it is old enough */
  async #age(rule: AdmissionRule, { digest, repository, tag }: Checked): Promise<Result | undefined> {
    const { admission, histories } = this.#options;
    if (!hasAge(rule) || tag === undefined || rule.age.isExempt(`${repository}:${tag}`)) return undefined;
    const history = await histories.of(repository, tag);
    const { ofAge, heldUntil } = await admission.age.preview(history, { repository, digest, rule });
    if (heldUntil === undefined) return undefined;
    return { outcome: 'hold', reason: `held until ${dateOf(heldUntil)}`, served: ofAge };
  }
}

function describe({ accepted, rejected }: SignatureVerdict): CheckedSignature[] {
  return [
    ...accepted.map(({ manifest, authority, format }) => ({ manifest, authority, note: format })),
    ...rejected.map(({ manifest, reason }) => ({ manifest, note: reason })),
  ];
}
