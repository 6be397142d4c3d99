import type { Clock } from '../../clock/clock.ts';
import type { Config } from '../../config/config.ts';
import type { RunningFills } from '../../fills/running-fills.ts';
import type { Health } from '../../health/health.ts';
import type { FinishedRequest } from '../../http/v2/request-events.ts';
import { Activity } from '../../monitoring/activity.ts';
import { DenyFileWatch } from '../../monitoring/deny-file-watch.ts';
import { History } from '../../monitoring/history.ts';
import { LocalActivity } from '../../monitoring/local-activity.ts';
import { LocalEvents } from '../../monitoring/local-events.ts';
import { LocalProblems } from '../../monitoring/local-problems.ts';
import { LocalStatus } from '../../monitoring/local-status.ts';
import {
  cacheProblems,
  loginProblems,
  requestProblem,
  upstreamProblems,
  webhookProblems,
} from '../../monitoring/problem-events.ts';
import { ProblemLog } from '../../monitoring/problem-log.ts';
import { UpstreamWatch } from '../../monitoring/upstream-watch.ts';
import type { ActivityControl } from '../../operations/activity-control.ts';
import type { EventControl } from '../../operations/event-control.ts';
import type { FillControl } from '../../operations/fill-control.ts';
import type { JobControl } from '../../operations/job-control.ts';
import type { ProblemControl } from '../../operations/problem-control.ts';
import type { StatusControl } from '../../operations/status-control.ts';
import type { UpstreamControl } from '../../operations/upstream-control.ts';
import { combineEvents } from '../../telemetry/combine-events.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Verifications } from '../../verify/verifications.ts';
import type { CloseStack } from '../close-stack.ts';
import { LocalFills } from './fill-control.ts';
import type { Pulling } from './pulling.ts';
import type { Stored } from './stored.ts';
import { createUpstreamControl } from './upstream-control.ts';

/** What the events of the service showed, for the admin API. */
export interface Monitors {
  readonly upstreams: UpstreamWatch;
  readonly problems: ProblemLog;
  readonly denyFile: DenyFileWatch;
  /** Clients are not shown. */
  readonly hidesClients: boolean;
}

export function createMonitors({ proxy, admin }: Config, clock: Clock): Monitors {
  const upstreams = (proxy?.upstreams ?? []).map(({ name, remoteUrl, mirrors }) => {
    const urls = [remoteUrl, ...mirrors.map((mirror) => (typeof mirror === 'string' ? mirror : mirror.url))];
    return { name, hosts: urls.map((url) => new URL(url).host) };
  });
  return {
    upstreams: new UpstreamWatch(upstreams, clock.now),
    problems: new ProblemLog(clock.now),
    denyFile: new DenyFileWatch(clock.now),
    hidesClients: admin.clients !== 'full',
  };
}

/** The telemetry, whose events the monitors get as well. */
export function withMonitors(telemetry: Telemetry, { upstreams, problems, hidesClients }: Monitors): Telemetry {
  const upstream = combineEvents(telemetry.upstream, upstreams);
  return {
    ...telemetry,
    upstream: combineEvents(upstream, upstreamProblems(problems, upstreams)),
    cache: combineEvents(telemetry.cache, cacheProblems(problems)),
    auth: combineEvents(telemetry.auth, loginProblems(problems, hidesClients)),
    notifications: combineEvents(telemetry.notifications, webhookProblems(problems)),
  };
}

const KEPT_REQUESTS = 2_000;
const KEPT_CLIENTS = 200;

/** What operators see of the running service. */
export interface Views {
  /** Gets what workers saw. */
  readonly seen: Pick<Activity, 'merge'>;
  readonly activity: ActivityControl;
  readonly problems: ProblemControl;
  /** Gets every request of the registry API. */
  readonly seeRequest: (request: FinishedRequest) => void;
  readonly status: StatusControl;
  readonly fills: FillControl;
  readonly events: EventControl;
  /** Absent without upstreams. */
  readonly upstreams: UpstreamControl | undefined;
}

export interface ViewParts extends Pick<Stored, 'usage'> {
  readonly opened: CloseStack;
  readonly monitors: Monitors;
  readonly running: RunningFills;
  readonly pulling: Pulling | undefined;
  readonly telemetry: Pick<Telemetry, 'metrics'>;
  readonly health: Health;
  readonly jobs: JobControl | undefined;
  readonly verifications: Verifications;
  readonly clock: Clock;
}

export function createViews(config: Config, parts: ViewParts): Views {
  const { opened, monitors, running, pulling, usage, telemetry, health, clock } = parts;
  const { index } = usage;
  const { metrics } = telemetry;
  const history = new History({ metrics, index, clock });
  history.start();
  opened.defer(() => history.stop());
  const upstreams = createUpstreamControl(config.proxy, { pulling, watch: monitors.upstreams, clock });
  const seen = new Activity({ requests: KEPT_REQUESTS, clients: KEPT_CLIENTS });
  const activity = new LocalActivity(seen, config.admin.clients);
  const log = monitors.problems;
  const problems = new LocalProblems({ log, denyFile: monitors.denyFile, activity, health, metrics, now: clock.now });
  const status = new LocalStatus({
    history,
    metrics,
    health,
    index,
    problems,
    upstreams: () => upstreams?.summaries() ?? [],
    quota: config.storage.quota?.size,
    isOffline: config.proxy?.offline ?? false,
    clock,
  });
  const seeRequest = (request: FinishedRequest) => {
    seen.record(request, clock.now());
    if (request.error) requestProblem(log, request);
  };
  const fills = new LocalFills(running);
  const events = new LocalEvents({ ...parts, fills, problems, breakers: () => upstreams?.breakers() ?? [] });
  opened.defer(() => events.end());
  return { seen, seeRequest, activity, problems, status, fills, events, upstreams };
}
