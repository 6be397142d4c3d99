import type { AdmissionEvents } from '../admission/admission-events.ts';
import type { PullEvents } from '../audit/pull-events.ts';
import type { AuthEvents } from '../auth/auth-events.ts';
import type { AccessEvents } from '../access/access-events.ts';
import type { BudgetEvents } from '../budget/governor.ts';
import type { DescriptorCacheEvents } from '../cache/descriptor-cache.ts';
import type { JobEvents } from '../jobs/job.ts';
import type { NotificationEvents } from '../notifications/notification-events.ts';
import type { AdminEvents } from '../operations/admin-events.ts';
import type { RedisEvents } from '../redis/redis.ts';
import type { UpstreamEvents } from '../upstream/upstream.ts';
import { AdminTelemetry } from './admin-telemetry.ts';
import { AdmissionTelemetry } from './admission-telemetry.ts';
import { AuditTelemetry } from './audit-telemetry.ts';
import { AuthTelemetry } from './auth-telemetry.ts';
import { AccessTelemetry } from './access-telemetry.ts';
import { BudgetTelemetry } from './budget-telemetry.ts';
import { type CacheEvents, CacheTelemetry } from './cache-telemetry.ts';
import { ClientTelemetry, type RefusalReason } from './client-telemetry.ts';
import { HousekeepingTelemetry, type RetentionEvents } from './housekeeping-telemetry.ts';
import { JobTelemetry } from './job-telemetry.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { NotificationTelemetry } from './notification-telemetry.ts';
import { RedisTelemetry } from './redis-telemetry.ts';
import { RequestTelemetry } from './request-telemetry.ts';
import type { FinishedRequest, RequestHandlerName } from '../http/v2/request-events.ts';
import type { StorageAction, Tracing } from './tracing.ts';
import { UpstreamTelemetry } from './upstream-telemetry.ts';

/** Events of the service. This folder turns them into log lines, metrics and spans. */
export interface Telemetry {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly upstream: UpstreamEvents;
  readonly budget: BudgetEvents;
  readonly access: AccessEvents;
  readonly cache: CacheEvents;
  readonly housekeeping: RetentionEvents;
  readonly jobs: JobEvents;
  readonly redis: RedisEvents & DescriptorCacheEvents;
  readonly auth: AuthEvents;
  readonly admin: AdminEvents;
  readonly audit: PullEvents;
  readonly admission: AdmissionEvents;
  readonly notifications: NotificationEvents;
  /** Each call is followed by exactly one {@link requestFinished} with the same handler. */
  requestStarted(handler: RequestHandlerName): void;
  /** Writes the access line and counts the request. `cache.served` reports what the cache did. */
  requestFinished(request: FinishedRequest): void;
  /** @param client its address */
  clientRefused(reason: RefusalReason, client: string): void;
  /** A worker has served a client. @param address of the client */
  clientSeen(address: string): void;
  /** The server's certificate. @param expiresAt unix milliseconds */
  certificateInUse(expiresAt: number): void;
  /** A peer that is not a trusted proxy sent `X-Forwarded-For`. @param peer its address */
  readonly untrustedProxy: (peer: string) => void;
  storageAction(event: StorageAction): void;
  /** Absent when tracing is off. */
  readonly tracing: Tracing | undefined;
}

export interface TelemetryOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  /** @default tracing is off */
  readonly tracing?: Tracing | undefined;
  /** One line per request. @default true */
  readonly accessLog?: boolean;
  /** Milliseconds. @default Date.now */
  readonly now?: () => number;
}

export function createTelemetry({
  log,
  metrics,
  tracing,
  accessLog = true,
  now = Date.now,
}: TelemetryOptions): Telemetry {
  const clients = new ClientTelemetry(log, metrics, now);
  const requests = new RequestTelemetry({ log, metrics, accessLog, now });
  return {
    log,
    metrics,
    upstream: new UpstreamTelemetry(log, metrics, now),
    budget: new BudgetTelemetry(log, metrics, now),
    access: new AccessTelemetry(log, metrics, now),
    cache: new CacheTelemetry(log, metrics, { now, tracing }),
    housekeeping: new HousekeepingTelemetry(log, metrics),
    jobs: new JobTelemetry(log, metrics, now),
    redis: new RedisTelemetry(log, metrics),
    auth: new AuthTelemetry(log, metrics),
    admin: new AdminTelemetry(log),
    audit: new AuditTelemetry(log),
    admission: new AdmissionTelemetry(log, metrics),
    notifications: new NotificationTelemetry(log, metrics),
    requestStarted: (handler) => requests.started(handler),
    requestFinished: (request) => requests.finished(request),
    clientRefused: (reason, client) => clients.refused(reason, client),
    clientSeen: (address) => requests.clientSeen(address),
    certificateInUse: (expiresAt) => metrics.certificateExpiry.measure(() => (expiresAt - now()) / 1000),
    untrustedProxy: (peer) => clients.untrustedProxy(peer),
    tracing,
    storageAction(event) {
      metrics.storageAction.at(event.driver, event.action).observe(event.durationMs / 1000);
      tracing?.storageAction(event);
    },
  };
}
