import { VERSION } from '../version.ts';
import { type CellChange, HistogramFamily, type MetricFamily, ValueFamily } from './metric-family.ts';
import type { MetricPages } from './metric-pages.ts';

/** All metrics, in their own registry. `registry_*` are distribution's names, labels and buckets. */
export type Metrics = ReturnType<typeof createMetrics>;

/** Seconds; distribution's. */
const DURATION_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60];
/** 1 KiB to 2 GiB; distribution's. */
const SIZE_BOUNDS = Array.from({ length: 22 }, (_, power) => 1024 * 2 ** power);
/** Seconds; a large layer over a slow line takes minutes. */
const FILL_BOUNDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900];

/** Seconds; during a pull, Redis gets a few milliseconds. */
const REDIS_BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 3];

/** Changes of time series, with the names of their metrics. */
export type MetricChanges = readonly (CellChange & { readonly name: string })[];

export function createMetrics() {
  const families: MetricFamily[] = [];
  let loaded: Promise<MetricPages> | undefined;
  let named: ReadonlyMap<string, MetricFamily> | undefined;
  const byName = () => (named ??= new Map(families.map((family) => [family.name, family])));
  const load = () => (loaded ??= import('./metric-pages.ts').then((module) => module.createMetricPages(families)));
  return {
    /** Everything that the metrics page has, but for the process. */
    families: families as readonly MetricFamily[],
    ...buildMetrics(families),
    ...httpMetrics(families),
    ...authMetrics(families),
    ...proxyMetrics(families),
    ...cacheMetrics(families),
    ...expiryMetrics(families),
    ...upstreamMetrics(families),
    ...budgetMetrics(families),
    ...accessMetrics(families),
    ...admissionMetrics(families),
    ...jobMetrics(families),
    ...storageMetrics(families),
    ...redisMetrics(families),
    ...notificationMetrics(families),
    /** Loads prom-client, and measures the process from now on: event loop, memory, garbage collection. */
    async observeProcess(): Promise<void> {
      await load();
    },
    /** Counters, gauges and the counts of histograms by name, over all labels. */
    async totals(): Promise<Record<string, number>> {
      return (await load()).totals();
    },
    /** What has changed since the last call, for the metrics of another process. */
    takeChanges(): MetricChanges {
      return families.flatMap((family) => family.takeChanges().map((change) => ({ ...change, name: family.name })));
    },
    /** Adds the changes of another process. */
    add(changes: MetricChanges): void {
      for (const change of changes) byName().get(change.name)?.add(change);
    },
    isGauge: (name: string): boolean => byName().get(name)?.type === 'gauge',
    /** The metrics page. */
    async render(): Promise<{ contentType: string; text: string }> {
      return (await load()).render();
    },
  };
}

function buildMetrics(families: MetricFamily[]) {
  const { gauge } = familyMakers(families);
  const buildInfo = gauge('layover_build_info', 'Always 1, with the version.', ['version']);
  // Measured, so that workers add nothing to it.
  buildInfo.measure(() => 1, VERSION);
  return { buildInfo };
}

function httpMetrics(families: MetricFamily[]) {
  const { counter, gauge, histogram } = familyMakers(families);
  return {
    httpRequests: counter('registry_http_requests_total', 'Requests completed.', ['handler', 'method', 'code']),
    httpDuration: histogram(
      'registry_http_request_duration_seconds',
      'Time from the request to the end of its response.',
      ['handler', 'method'],
      DURATION_BOUNDS,
    ),
    httpRequestSize: histogram(
      'registry_http_request_size_bytes',
      'Bytes of request bodies.',
      ['handler'],
      SIZE_BOUNDS,
    ),
    httpResponseSize: histogram(
      'registry_http_response_size_bytes',
      'Bytes of response bodies that were sent.',
      ['handler'],
      SIZE_BOUNDS,
    ),
    httpInFlight: gauge('registry_http_in_flight_requests', 'Requests in progress.', ['handler']),
    clients: gauge('layover_clients', 'Addresses that sent requests in the last 5 to 10 minutes.', []),
    certificateExpiry: gauge(
      'layover_tls_certificate_expiry_seconds',
      'Seconds until the certificate of the server expires; negative afterwards.',
      [],
    ),
    clientsRefused: counter('layover_clients_refused_total', 'Clients refused or cut off by a limit.', ['reason']),
  };
}

function authMetrics(families: MetricFamily[]) {
  const { counter } = familyMakers(families);
  return {
    loginsFailed: counter('registry_auth_failures_total', 'Logins with wrong or expired credentials.', ['method']),
    addressesBlocked: counter(
      'registry_auth_blocked_total',
      'Addresses blocked for a time after many wrong passwords.',
      [],
    ).at(),
  };
}

function proxyMetrics(families: MetricFamily[]) {
  const { counter } = familyMakers(families);
  const byType = (name: string, help: string) => {
    const family = counter(name, help, ['type']);
    return { blob: family.at('blob'), manifest: family.at('manifest') };
  };
  return {
    proxyRequests: byType('registry_proxy_requests_total', 'Content requested from the cache.'),
    proxyHits: byType('registry_proxy_hits_total', 'Content that was in the cache.'),
    proxyMisses: byType('registry_proxy_misses_total', 'Content that was not in the cache.'),
    proxyPulledBytes: byType('registry_proxy_pulled_bytes_total', 'Bytes received from upstreams.'),
    proxyPushedBytes: byType('registry_proxy_pushed_bytes_total', 'Bytes sent to clients.'),
  };
}

function cacheMetrics(families: MetricFamily[]) {
  const { counter, gauge, histogram } = familyMakers(families);
  return {
    cacheRequests: counter('layover_cache_requests_total', 'Content requested from the cache, by outcome.', [
      'upstream',
      'type',
      'outcome',
    ]),
    clientBytes: counter('layover_client_bytes_total', 'Bytes sent to clients.', ['upstream', 'type']),
    fills: counter('layover_fills_total', 'Fills, by result.', ['upstream', 'result']),
    fillsInFlight: gauge('layover_fills_in_flight', 'Fills in progress.', []).at(),
    fillOldest: gauge('layover_fill_oldest_seconds', 'Age of the oldest fill in progress; 0: there is none.', []),
    fillSeconds: histogram('layover_fill_seconds', 'Duration of completed fills.', ['upstream'], FILL_BOUNDS),
    fillWaiters: gauge('layover_fill_waiters', 'Clients that follow a fill.', []).at(),
    spoolBytes: gauge('layover_spool_bytes', 'Bytes in spools, finished or not.', []).at(),
  };
}

function expiryMetrics(families: MetricFamily[]) {
  const { counter, gauge } = familyMakers(families);
  return {
    expired: counter('layover_expired_total', 'References removed because their TTL had passed.', ['kind']),
    evicted: counter('layover_evicted_total', 'References removed to free space.', ['kind']),
    collectedBytes: counter('layover_collected_bytes_total', 'Bytes freed by garbage collection.', []).at(),
    evictedBytes: counter('layover_evicted_bytes_total', 'Bytes freed by eviction.', []).at(),
    storeBytes: gauge('layover_store_bytes', 'Bytes stored, each digest once.', []).at(),
    quotaBytes: gauge('layover_store_quota_bytes', 'Storage quota; 0: no quota.', []).at(),
    oldestUse: gauge(
      'layover_oldest_use_seconds',
      'Time since the last use of the reference that is the next one to expire or to be evicted.',
      [],
    ),
    indexEntries: gauge('layover_index_entries', 'References in the index.', []).at(),
    leadsHousekeeping: gauge(
      'layover_housekeeping_leader',
      'Whether this replica does the housekeeping for all; absent when it shares no index.',
      [],
    ),
    scrubRunning: gauge('layover_scrub_running', 'Whether a scrub is running.', []).at(),
    scrubBytes: counter('layover_scrub_bytes_total', 'Bytes read by scrubs.', []).at(),
    scrubDamaged: counter('layover_scrub_damaged_total', 'Damaged blobs moved to quarantine.', []).at(),
  };
}

function upstreamMetrics(families: MetricFamily[]) {
  const { counter, gauge, histogram } = familyMakers(families);
  return {
    upstreamBytes: counter('layover_upstream_bytes_total', 'Bytes received from upstreams.', ['upstream', 'kind']),
    upstreamRequests: counter('layover_upstream_requests_total', 'Requests sent to upstreams.', [
      'upstream',
      'operation',
      'method',
      'status',
    ]),
    upstreamSeconds: histogram(
      'layover_upstream_request_seconds',
      'Time until the response headers of an upstream arrived.',
      ['upstream', 'operation'],
      DURATION_BOUNDS,
    ),
    upstreamRetries: counter('layover_upstream_retries_total', 'Requests retried.', ['upstream', 'operation']),
    rateLimitLimit: gauge('layover_upstream_ratelimit_limit', 'Pulls that an upstream allows an account per window.', [
      'upstream',
      'account',
    ]),
    rateLimitRemaining: gauge('layover_upstream_ratelimit_remaining', 'Pulls left in the window.', [
      'upstream',
      'account',
    ]),
    rateLimitReset: gauge(
      'layover_upstream_ratelimit_reset_seconds',
      'Seconds until all pulls of the window are available again, at the latest.',
      ['upstream', 'account'],
    ),
    breakerState: gauge('layover_upstream_breaker_state', 'Circuit breaker: 0 closed, 1 half-open, 2 open.', [
      'upstream',
      'host',
    ]),
    loginFailing: gauge('layover_upstream_login_failing', '1 while an account is refused or locked out.', [
      'upstream',
      'account',
    ]),
    loginFailures: counter('layover_upstream_login_failures_total', 'Logins that failed.', [
      'upstream',
      'account',
      'reason',
    ]),
    credentialFailures: counter('layover_upstream_credential_failures_total', 'Credentials that could not be read.', [
      'upstream',
      'source',
    ]),
  };
}

function budgetMetrics(families: MetricFamily[]) {
  const { counter, gauge } = familyMakers(families);
  const member = ['upstream', 'member'];
  const spending = ['upstream', 'class'];
  return {
    budgetLimit: gauge('layover_budget_limit', 'Pulls that an upstream allows an account per window.', member),
    budgetRemaining: gauge('layover_budget_remaining', 'Pulls of an account that are left, as estimated.', member),
    budgetExhausted: gauge(
      'layover_budget_exhausted_seconds',
      'Seconds until no pulls are left, at the pace of the last half hour. Absent while they last.',
      member,
    ),
    budgetSpent: counter('layover_budget_spent_total', 'Pulls from an upstream, by who waited for them.', spending),
    budgetWaited: counter('layover_budget_waited_seconds', 'Time that pulls waited for the budget.', spending),
    budgetRefused: counter('layover_budget_refused_total', 'Pulls that the budget refused.', spending),
    pullsSaved: counter('layover_budget_saved_total', 'Pulls of clients that the upstream did not count.', [
      'upstream',
      'reason',
    ]),
  };
}

function accessMetrics(families: MetricFamily[]) {
  const { counter, gauge, histogram } = familyMakers(families);
  return {
    accessDecisions: counter('layover_access_decisions_total', 'Decisions whether a client may read a repository.', [
      'upstream',
      'source',
      'result',
    ]),
    accessSeconds: histogram(
      'layover_access_seconds',
      'Duration of checks at upstreams whether a repository may be read.',
      ['upstream'],
      DURATION_BOUNDS,
    ),
    accessEntries: gauge('layover_access_entries', 'Repositories with a decision in memory.', ['upstream']),
  };
}

function admissionMetrics(families: MetricFamily[]) {
  const { counter, gauge, histogram } = familyMakers(families);
  return {
    admissionHeld: gauge(
      'layover_admission_held',
      'Tags whose digest is not old enough, of those that were requested.',
      [],
    ),
    trustedRootAge: gauge('layover_trustedroot_age_seconds', 'Age of the oldest file with a trusted root.', []),
    admissionTotal: counter('layover_admission_total', 'Manifests that clients requested, by the decision.', [
      'rule',
      'decision',
      'mode',
      'cached',
    ]),
    admissionSeconds: histogram(
      'layover_admission_seconds',
      'Duration of checks of content that is not decided yet.',
      ['check'],
      DURATION_BOUNDS,
    ),
  };
}

function jobMetrics(families: MetricFamily[]) {
  const { counter, gauge } = familyMakers(families);
  return {
    jobLastSuccess: gauge(
      'layover_job_last_success_seconds',
      'Time since the last run of a job with only complete images. Absent before.',
      ['name'],
    ),
    jobImages: counter('layover_job_images_total', 'Images of jobs.', ['name', 'outcome']),
    offlineComplete: gauge('layover_offline_complete', '1 when all images of a lock can be pulled without upstreams.', [
      'list',
    ]),
    jobBytes: counter('layover_job_bytes_total', 'Bytes of blobs that jobs fetched.', ['name']),
  };
}

function storageMetrics(families: MetricFamily[]) {
  const { counter, gauge, histogram } = familyMakers(families);
  return {
    diskFree: gauge('layover_disk_free_bytes', 'Bytes free for Layover on the file system of a directory.', [
      'directory',
    ]),
    diskSize: gauge('layover_disk_size_bytes', 'Size of the file system of a directory.', ['directory']),
    storageAction: histogram(
      'registry_storage_action_seconds',
      'Duration of storage driver calls.',
      ['driver', 'action'],
      DURATION_BOUNDS,
    ),
    storageFull: counter('layover_storage_full_total', 'Writes that failed for lack of space.', []).at(),
    damagedContent: counter('layover_damaged_content_total', 'Stored files found to be damaged.', []).at(),
  };
}

function redisMetrics(families: MetricFamily[]) {
  const { counter, gauge, histogram } = familyMakers(families);
  return {
    redisUp: gauge('layover_redis_up', 'Whether Redis can be read and written; absent when it is not configured.', []),
    redisSeconds: histogram(
      'layover_redis_seconds',
      'Duration of Redis calls, up to their time limit.',
      ['operation'],
      REDIS_BOUNDS,
    ),
    redisErrors: counter('layover_redis_errors_total', 'Redis calls that failed.', ['operation', 'kind']),
    descriptorRequests: counter(
      'registry_storage_cache_requests_total',
      'Descriptors requested from the cache.',
      [],
    ).at(),
    descriptorHits: counter('registry_storage_cache_hits_total', 'Descriptors that were in the cache.', []).at(),
    descriptorErrors: counter('registry_storage_cache_errors_total', 'Descriptor lookups that failed.', []).at(),
    descriptorSeconds: histogram(
      'registry_storage_cache_redis_seconds',
      'Duration of descriptor lookups in Redis.',
      ['operation'],
      DURATION_BOUNDS,
    ),
  };
}

function notificationMetrics(families: MetricFamily[]) {
  const { counter, gauge } = familyMakers(families);
  return {
    notifications: counter('registry_notifications_events_total', 'Webhook events, by result.', ['type', 'endpoint']),
    notificationsPending: gauge('registry_notifications_pending', 'Webhook events waiting to be sent.', ['endpoint']),
    notificationsPendingTotal: gauge(
      'registry_notifications_pending_total',
      'Deprecated, distribution’s name: see registry_notifications_pending.',
      ['endpoint'],
    ),
    notificationStatuses: counter('registry_notifications_status_total', 'Responses of webhook endpoints, by status.', [
      'code',
      'endpoint',
    ]),
    notificationsDropped: counter(
      'layover_notifications_dropped_total',
      'Pull events dropped because the queue was full.',
      ['endpoint'],
    ),
    notificationDeadLetters: counter('layover_notifications_dead_letters_total', 'Events moved to the dead letters.', [
      'endpoint',
    ]),
  };
}

/** Makers of families, which they add to the list. */
function familyMakers(families: MetricFamily[]) {
  const add = <T extends MetricFamily>(family: T): T => {
    families.push(family);
    return family;
  };
  return {
    counter: (name: string, help: string, labels: readonly string[]) =>
      add(new ValueFamily('counter', { name, help, labels })),
    gauge: (name: string, help: string, labels: readonly string[]) =>
      add(new ValueFamily('gauge', { name, help, labels })),
    histogram: (name: string, help: string, labels: readonly string[], bounds: readonly number[]) =>
      add(new HistogramFamily({ name, help, labels, bounds })),
  };
}
