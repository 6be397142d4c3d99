import type { Admission } from '../../admission/admission.ts';
import type { AdmittedRegistryOptions } from '../../admission/admitted-registry.ts';
import type { Clock } from '../../clock/clock.ts';
import type { Config, ProxyConfig } from '../../config/config.ts';
import { matchGlobs } from '../../matching/glob.ts';
import type { HeldContent } from '../../registry/held-content.ts';
import type { Registry } from '../../registry/registry.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Stored } from './stored.ts';

/** Rules for content of upstreams. */
export interface Admitting {
  readonly admission: Admission;
  /** The registry of an upstream, as clients use it. */
  admitContent(registry: Registry, options: UpstreamParts): Registry;
  admitHeld(held: HeldContent, options: Pick<UpstreamParts, 'storedName'>): HeldContent;
  /** Hosted repositories. */
  admitMounts(registry: Registry): Registry;
}

type UpstreamParts = Omit<AdmittedRegistryOptions, 'admission'>;

export interface AdmittingParts extends Pick<Stored, 'usage'> {
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** @returns undefined without rules @throws when a key cannot be read */
export async function createAdmitting(config: Config, parts: AdmittingParts): Promise<Admitting | undefined> {
  const { admission: rules, proxy } = config;
  if (!rules || !proxy) return undefined;
  const { usage, telemetry, clock } = parts;
  const [{ loadPolicy }, { Admission }, { admitContent, admitHeld }, { admitMounts }] = await Promise.all([
    import('../../admission/load-policy.ts'),
    import('../../admission/admission.ts'),
    import('../../admission/admitted-registry.ts'),
    import('../../admission/admit-mounts.ts'),
  ]);
  const policy = await loadPolicy(rules);
  const admission = new Admission({ policy, index: usage.index, events: telemetry.admission, clock });
  const isPulled = createPulledNames(proxy);
  return {
    admission,
    admitContent: (registry, options) => admitContent(registry, { ...options, admission }),
    admitHeld: (held, options) => admitHeld(held, { ...options, admission }),
    admitMounts: (registry) =>
      admitMounts(registry, (from, digest) => !isPulled(from) || admission.isPartServed(from, digest)),
  };
}

/** Whether a stored name belongs to an upstream. */
function createPulledNames({ upstreams, hosted }: ProxyConfig): (stored: string) => boolean {
  const isHosted = matchGlobs(hosted);
  const prefixes = upstreams.map(({ storePrefix }) => (storePrefix === '' ? '' : `${storePrefix}/`));
  return (stored) => !isHosted(stored) && prefixes.some((prefix) => stored.startsWith(prefix));
}
