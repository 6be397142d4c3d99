import type { Clock } from '../../clock/clock.ts';
import type { Config } from '../../config/config.ts';
import type { Health } from '../../health/health.ts';
import { History } from '../../monitoring/history.ts';
import { LocalStatus, optionalTime } from '../../monitoring/local-status.ts';
import { UpstreamWatch } from '../../monitoring/upstream-watch.ts';
import type { StatusControl, UpstreamSummary } from '../../operations/status-control.ts';
import { combineEvents } from '../../telemetry/combine-events.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Upstream } from '../../upstream/upstream.ts';
import type { CloseStack } from '../close-stack.ts';
import type { Stored } from './stored.ts';

/** What the events of the service showed, for the admin API. */
export interface Monitors {
  readonly upstreams: UpstreamWatch;
}

export function createMonitors({ proxy }: Config, clock: Clock): Monitors {
  const upstreams = (proxy?.upstreams ?? []).map(({ name, remoteUrl, mirrors }) => {
    const urls = [remoteUrl, ...mirrors.map((mirror) => (typeof mirror === 'string' ? mirror : mirror.url))];
    return { name, hosts: urls.map((url) => new URL(url).host) };
  });
  return { upstreams: new UpstreamWatch(upstreams, clock.now) };
}

/** The telemetry, whose events the monitors get as well. */
export function withMonitors(telemetry: Telemetry, { upstreams }: Monitors): Telemetry {
  return { ...telemetry, upstream: combineEvents(telemetry.upstream, upstreams) };
}

export interface StatusParts extends Pick<Stored, 'usage'> {
  readonly opened: CloseStack;
  readonly monitors: Monitors;
  readonly telemetry: Pick<Telemetry, 'metrics'>;
  readonly health: Health;
  readonly upstreams: readonly Upstream[];
  readonly clock: Clock;
}

export function createStatus(config: Config, parts: StatusParts): StatusControl {
  const { opened, usage, telemetry, health, clock } = parts;
  const { index } = usage;
  const { metrics } = telemetry;
  const history = new History({ metrics, index, clock });
  history.start();
  opened.defer(() => history.stop());
  return new LocalStatus({
    history,
    metrics,
    health,
    index,
    upstreams: () => parts.upstreams.map((upstream) => summaryOf(upstream, config, parts)),
    quota: config.storage.quota?.size,
    isOffline: config.proxy?.offline ?? false,
    clock,
  });
}

function summaryOf(upstream: Upstream, { proxy }: Config, { monitors }: StatusParts): UpstreamSummary {
  const { name } = upstream;
  const remote = proxy?.upstreams.find((each) => each.name === name)?.remoteUrl ?? '';
  const { breaker } = monitors.upstreams.of(name, new URL(remote).host);
  return { name, breaker: upstream.status().breaker, since: optionalTime(breaker?.since) };
}
