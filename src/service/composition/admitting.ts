import type { Admission } from '../../admission/admission.ts';
import type { GateOptions } from '../../admission/gates.ts';
import { LocalTagHistories } from '../../admission/local-tag-histories.ts';
import { TagHistories } from '../../admission/tag-histories.ts';
import type { Clock } from '../../clock/clock.ts';
import type { Config, ProxyConfig } from '../../config/config.ts';
import { matchGlobs } from '../../matching/glob.ts';
import type { HeldContent } from '../../registry/held-content.ts';
import type { Registry } from '../../registry/registry.ts';
import type { PolicyControl } from '../../operations/policy-control.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Stored } from './stored.ts';

/** Rules for content of upstreams. */
export interface Admitting {
  readonly admission: Admission;
  /** The registry of an upstream, as clients use it. */
  admitContent(registry: Registry, options: UpstreamParts): Registry;
  admitHeld(held: HeldContent, options: Pick<UpstreamParts, 'storedName'>): HeldContent;
  /** For operators. */
  createControl(pulled: PulledRepositories): PolicyControl;
  /** Hosted repositories. */
  admitMounts(registry: Registry): Registry;
}

/** Finds the upstream of a stored name. */
interface PulledRepositories {
  /** @throws {ControlError} `not-found` when it belongs to no upstream */
  find(repository: string): { readonly registry: Registry; readonly remote: string };
}

type UpstreamParts = Omit<GateOptions, 'admission'>;

export interface AdmittingParts extends Pick<Stored, 'usage'> {
  readonly histories: TagHistories;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** @returns undefined without rules @throws when a key cannot be read */
export async function createAdmitting(config: Config, parts: AdmittingParts): Promise<Admitting | undefined> {
  const { admission: rules, proxy } = config;
  if (!rules || !proxy) return undefined;
  const { usage, histories, telemetry, clock } = parts;
  const [{ loadPolicy }, { Admission }, { admitContent, admitHeld }, { admitMounts }, { LocalPolicy }] =
    await Promise.all([
      import('../../admission/load-policy.ts'),
      import('../../admission/admission.ts'),
      import('../../admission/admitted-registry.ts'),
      import('../../admission/admit-mounts.ts'),
      import('../../admission/local-policy.ts'),
    ]);
  const policy = await loadPolicy(rules);
  const admission = new Admission({ policy, index: usage.index, histories, events: telemetry.admission, clock });
  const { metrics } = telemetry;
  const { oldestRootAt } = policy;
  metrics.admissionHeld.measure(() => admission.age.heldCount);
  if (oldestRootAt !== undefined) metrics.trustedRootAge.measure(() => (clock.now() - oldestRootAt) / 1_000);
  const isPulled = createPulledNames(proxy);
  return {
    admission,
    admitContent: (registry, options) => admitContent(registry, { ...options, admission }),
    admitHeld: (held, options) => admitHeld(held, { ...options, admission }),
    createControl: (pulled) =>
      new LocalPolicy({
        ...{ admission, histories },
        find: (stored) => toSource(pulled.find(stored), proxy.offline),
        onReleased: (event) => telemetry.log.warn(event, 'content released by an operator'),
      }),
    admitMounts: (registry) =>
      admitMounts(registry, (from, digest) => !isPulled(from) || admission.isPartServed(from, digest)),
  };
}

/** Since when tags of upstreams name which digests: kept without rules, too, so that a rule finds a history. */
export function createTagHistories(index: Stored['usage']['index'], { admission }: Telemetry): TagHistories {
  return new TagHistories({ table: index.texts('tag-histories'), onError: (error) => admission.notKept(error) });
}

/** The rules and the histories, for operators. Without rules there are histories alone. */
export function createPolicyControls(
  admitting: Admitting | undefined,
  { pulling, histories }: { readonly pulling: PulledRepositories | undefined; readonly histories: TagHistories },
) {
  return {
    policy: pulling && admitting?.createControl(pulling),
    tagHistories: new LocalTagHistories(histories),
  };
}

function toSource({ registry, remote }: ReturnType<PulledRepositories['find']>, isOffline: boolean) {
  return { registry, repository: remote, isOffline };
}

/** Whether a stored name belongs to an upstream. */
function createPulledNames({ upstreams, hosted }: ProxyConfig): (stored: string) => boolean {
  const isHosted = matchGlobs(hosted);
  const prefixes = upstreams.map(({ storePrefix }) => (storePrefix === '' ? '' : `${storePrefix}/`));
  return (stored) => !isHosted(stored) && prefixes.some((prefix) => stored.startsWith(prefix));
}
