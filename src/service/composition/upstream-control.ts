import type { ProxyConfig, UpstreamConfig } from '../../config/config.ts';
import type { Clock } from '../../clock/clock.ts';
import { optionalTime } from '../../monitoring/local-status.ts';
import type { UpstreamWatch } from '../../monitoring/upstream-watch.ts';
import type { BudgetControl, MemberBudget } from '../../operations/budget-control.ts';
import { ControlError } from '../../operations/control-error.ts';
import type { BreakerChange } from '../../operations/event-control.ts';
import type { UpstreamSummary } from '../../operations/status-control.ts';
import type {
  AccountView,
  EndpointView,
  ProbeView,
  UpstreamControl,
  UpstreamView,
} from '../../operations/upstream-control.ts';
import { accountGroups } from '../../upstream/account-groups.ts';
import type { EndpointState, OperatedUpstream } from '../../upstream/upstream.ts';
import type { Pulling } from './pulling.ts';

interface LocalUpstreamsOptions {
  readonly configs: readonly UpstreamConfig[];
  readonly upstreams: readonly OperatedUpstream[];
  readonly budget: BudgetControl;
  readonly watch: UpstreamWatch;
  readonly clock: Pick<Clock, 'now'>;
}

interface UpstreamControlParts extends Pick<LocalUpstreamsOptions, 'watch' | 'clock'> {
  readonly pulling: Pulling | undefined;
}

/** @returns undefined without upstreams */
export function createUpstreamControl(
  proxy: ProxyConfig | undefined,
  { pulling, ...parts }: UpstreamControlParts,
): LocalUpstreams | undefined {
  if (!proxy || !pulling) return undefined;
  return new LocalUpstreams({ ...parts, ...pulling, configs: proxy.upstreams });
}

/** The upstreams of this process. */
class LocalUpstreams implements UpstreamControl {
  readonly #options: LocalUpstreamsOptions;

  constructor(options: LocalUpstreamsOptions) {
    this.#options = options;
  }

  upstreams(): Promise<readonly UpstreamView[]> {
    return Promise.all(this.#options.upstreams.map((upstream) => this.#view(upstream)));
  }

  /** The short form of {@link upstreams}, from memory. */
  summaries(): readonly UpstreamSummary[] {
    return this.#options.upstreams.map((upstream) => {
      const { name, offlineUntil } = upstream;
      const [remote] = this.#endpoints(upstream);
      return {
        name,
        breaker: remote?.breaker ?? 'closed',
        since: remote?.since,
        offlineUntil: optionalTime(offlineUntil),
        failing: this.#failing(upstream),
      };
    });
  }

  /** The state of each host, from memory. */
  breakers(): readonly Omit<BreakerChange, 'at'>[] {
    return this.#options.upstreams.flatMap((upstream) =>
      upstream.endpoints().map(({ host, breaker }) => ({ upstream: upstream.name, host, breaker })),
    );
  }

  /** The registry itself fails, and no mirror has responded since. */
  #failing(upstream: OperatedUpstream): string | undefined {
    const [remote, ...mirrors] = upstream.endpoints().map(({ host }) => this.#options.watch.of(upstream.name, host));
    const failedAt = remote?.lastError?.at ?? 0;
    return mirrors.some(({ lastOkAt = 0 }) => lastOkAt >= failedAt) ? undefined : remote?.failing;
  }

  async probeUpstream(name: string): Promise<ProbeView> {
    return { endpoints: await this.#find(name).probe() };
  }

  async resetUpstream(name: string): Promise<UpstreamView> {
    const upstream = this.#find(name);
    upstream.reset();
    return this.#view(upstream);
  }

  async setUpstreamOffline(name: string, forMs: number): Promise<UpstreamView> {
    const upstream = this.#find(name);
    upstream.setOffline(forMs === 0 ? undefined : this.#options.clock.now() + forMs);
    return this.#view(upstream);
  }

  /** @throws {ControlError} `not-found` */
  #find(name: string): OperatedUpstream {
    const { upstreams } = this.#options;
    const found = upstreams.find((each) => each.name === name);
    if (found) return found;
    const names = upstreams.map((each) => each.name).join(', ');
    throw new ControlError('not-found', `there is no upstream ${name.slice(0, 255)}; configured: ${names}`);
  }

  async #view(upstream: OperatedUpstream): Promise<UpstreamView> {
    const { name, offlineUntil } = upstream;
    const config = this.#options.configs.find((each) => each.name === name);
    return {
      name,
      remote: config?.remoteUrl ?? '',
      endpoints: this.#endpoints(upstream),
      budget: await this.#accounts(name, config),
      offlineUntil: optionalTime(offlineUntil),
    };
  }

  #endpoints(upstream: OperatedUpstream): readonly EndpointView[] {
    return upstream.endpoints().map((endpoint) => this.#endpoint(upstream.name, endpoint));
  }

  #endpoint(upstream: string, { host, isMirror, breaker, retryAfterMs }: EndpointState): EndpointView {
    const { watch, clock } = this.#options;
    const { lastOkAt, lastError, breaker: change } = watch.of(upstream, host);
    return {
      host,
      isMirror,
      breaker,
      reason: change?.reason,
      since: optionalTime(change?.since),
      retryAt: optionalTime(retryAfterMs === undefined ? undefined : clock.now() + retryAfterMs),
      lastOkAt: optionalTime(lastOkAt),
      lastError: lastError && { ...lastError, at: new Date(lastError.at).toISOString() },
    };
  }

  async #accounts(name: string, config: UpstreamConfig | undefined): Promise<readonly AccountView[]> {
    const report = await this.#options.budget.budget(name);
    const groups = config ? accountGroups(config.credentials, config.budget.pool) : [];
    return (report.upstreams[0]?.members ?? []).map((member) => {
      const kinds = groups.find((group) => group.name === member.member)?.credentials.map(({ kind }) => kind) ?? [];
      return { ...accountOf(member), credentials: kinds.length === 0 ? ['anonymous'] : kinds };
    });
  }
}

function accountOf({ member, limit, left, nextAt, emptyAt, trouble }: MemberBudget): Omit<AccountView, 'credentials'> {
  return {
    account: member,
    limit,
    left,
    nextAt: optionalTime(nextAt),
    emptyAt: optionalTime(emptyAt),
    trouble: trouble && { reason: trouble.reason, retryAt: optionalTime(trouble.retryAt) },
  };
}
