import { Decisions } from '../../access/decisions.ts';
import { UpstreamAccess } from '../../access/upstream-access.ts';
import type { Clock } from '../../clock/clock.ts';
import type { ProxyConfig, UpstreamConfig } from '../../config/config.ts';
import type { Registry } from '../../registry/registry.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { accountGroups } from '../../upstream/account-groups.ts';
import { type AccessCheck, UpstreamError } from '../../upstream/upstream.ts';

export interface AccessParts {
  readonly upstream: AccessCheck;
  /** What an admitted client uses. */
  readonly registry: Registry;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** @returns undefined for an upstream of which every client may read everything */
export type WithAccess = (config: UpstreamConfig, parts: AccessParts) => UpstreamAccess | undefined;

/** Decides who may read which repositories of upstreams. */
export function accessFor({ offline }: ProxyConfig): WithAccess {
  return (config, { upstream, registry, telemetry, clock }) => {
    const { name, access: policy, credentials, budget } = config;
    if (!policy) return undefined;
    const decisions = new Decisions();
    telemetry.metrics.accessEntries.measure(() => decisions.size, name);
    return new UpstreamAccess({
      name,
      registry,
      policy,
      decisions,
      check: offline ? () => Promise.reject(offlineError(name)) : upstream.checkAccess.bind(upstream),
      accounts: accountGroups(credentials, budget.pool).flatMap(({ groups, ...account }) =>
        groups ? [{ ...account, groups }] : [],
      ),
      events: telemetry.access,
      clock,
    });
  };
}

function offlineError(upstream: string): UpstreamError {
  return new UpstreamError('unavailable', `${upstream} is not queried: proxy.offline is set`, { upstream });
}
