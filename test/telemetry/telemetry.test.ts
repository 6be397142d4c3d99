import { describe, expect, it } from 'vitest';

import type { LogConfig } from '../../src/config/config.ts';
import { parseDigest } from '../../src/oci/digest.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { FinishedRequest } from '../../src/http/v2/request-events.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';
import { logIntoArray } from './log-lines.ts';
import { samplesOf } from './metric-samples.ts';

const REQUEST: FinishedRequest = {
  requestId: 'r-1',
  client: '10.0.0.1:4711',
  userAgent: 'docker/20.10 (linux)',
  method: 'GET',
  url: '/v2/library/alpine/manifests/latest?ns=docker.io',
  handler: 'manifest',
  repository: 'library/alpine',
  reference: 'latest',
  status: 200,
  bytes: 528,
  durationMs: 3.21,
  outcome: 'HIT',
  upstream: 'docker.io',
  upstreamMs: 1.5,
  aborted: false,
};

const FILL = {
  upstream: 'docker.io',
  repository: 'library/alpine',
  stored: 'docker.io/library/alpine',
  digest: 'sha256:ab',
};

function setUp({ accessLog = true, ...config }: Partial<LogConfig> = {}) {
  const { log, parsed } = logIntoArray(config);
  const metrics = createMetrics();
  const clock = { nowMs: 0 };
  const telemetry = createTelemetry({ log, metrics, accessLog, now: () => clock.nowMs });
  return {
    telemetry,
    clock,
    parsed,
    messages: () => parsed().map(({ msg }) => msg),
    samples: () => samplesOf(metrics),
  };
}

describe('a finished request', () => {
  it('is one line with all facts, in distribution’s names', () => {
    const { telemetry, parsed } = setUp();
    telemetry.requestStarted('manifest');
    telemetry.requestFinished(REQUEST);
    expect(parsed()).toEqual([
      {
        time: expect.any(String),
        level: 'info',
        msg: 'response completed',
        cache: 'HIT',
        'http.request.id': 'r-1',
        'http.request.method': 'GET',
        'http.request.remoteaddr': '10.0.0.1:4711',
        'http.request.uri': '/v2/library/alpine/manifests/latest?ns=docker.io',
        'http.request.useragent': 'docker/20.10 (linux)',
        'http.response.duration': '3.21ms',
        'http.response.status': 200,
        'http.response.written': 528,
        upstream: 'docker.io',
        'upstream.duration': '1.5ms',
        'vars.name': 'library/alpine',
        'vars.reference': 'latest',
      },
    ]);
  });

  it('is counted with distribution’s labels', async () => {
    const { telemetry, samples } = setUp();
    telemetry.requestStarted('manifest');
    telemetry.requestStarted('ping');
    expect((await samples()).get('registry_http_in_flight_requests{handler="manifest"}')).toBe(1);
    telemetry.requestFinished(REQUEST);
    telemetry.requestFinished({ ...REQUEST, handler: 'ping', method: 'HEAD', status: 401, bytes: 0 });
    const seen = await samples();
    expect(seen.get('registry_http_requests_total{code="200",handler="manifest",method="get"}')).toBe(1);
    expect(seen.get('registry_http_requests_total{code="401",handler="base",method="head"}')).toBe(1);
    expect(seen.get('registry_http_request_duration_seconds_sum{handler="manifest",method="get"}')).toBeCloseTo(
      0.00321,
    );
    expect(seen.get('registry_http_response_size_bytes_sum{handler="manifest"}')).toBe(528);
    expect(seen.get('registry_http_request_size_bytes_count{handler="manifest"}')).toBe(1);
    expect(seen.get('registry_http_in_flight_requests{handler="manifest"}')).toBe(0);
  });

  it('with an unknown method gets the shared label', async () => {
    const { telemetry, samples } = setUp();
    for (const method of ['PROPFIND', 'MKCOL']) telemetry.requestFinished({ ...REQUEST, method, status: 405 });
    expect((await samples()).get('registry_http_requests_total{code="405",handler="manifest",method="other"}')).toBe(2);
  });

  it('that failed has the reason, at level error only for a server error', () => {
    const { telemetry, parsed } = setUp();
    const error = { code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' };
    telemetry.requestFinished({ ...REQUEST, status: 404, error });
    telemetry.requestFinished({
      ...REQUEST,
      status: 503,
      error: { code: 'UNAVAILABLE', message: 'no' },
      aborted: true,
    });
    expect(parsed()).toMatchObject([
      { level: 'info', msg: 'response completed with error', 'err.code': 'MANIFEST_UNKNOWN' },
      { level: 'error', 'err.code': 'UNAVAILABLE', 'err.message': 'no', 'http.response.aborted': true },
    ]);
  });

  it('is logged without an access log only for a server error', () => {
    const { telemetry, parsed } = setUp({ accessLog: false });
    telemetry.requestFinished(REQUEST);
    telemetry.requestFinished({ ...REQUEST, status: 500 });
    expect(parsed()).toMatchObject([{ 'http.response.status': 500 }]);
  });
});

describe('content served', () => {
  it('is counted by outcome, and as hit or miss in distribution’s metrics', async () => {
    const { telemetry, samples } = setUp();
    for (const outcome of ['HIT', 'MISS', 'FILL', 'STALE', 'BYPASS'] as const) {
      telemetry.cache.served({ upstream: 'docker.io', type: 'blob', isFromUpstream: false, outcome, bytes: 10 });
    }
    const seen = await samples();
    for (const outcome of ['hit', 'miss', 'fill', 'stale', 'bypass']) {
      const labels = `{outcome="${outcome}",type="blob",upstream="docker.io"}`;
      expect(seen.get(`layover_cache_requests_total${labels}`)).toBe(1);
    }
    expect(seen.get('layover_client_bytes_total{type="blob",upstream="docker.io"}')).toBe(50);
    expect(seen.get('registry_proxy_requests_total{type="blob"}')).toBe(5);
    expect(seen.get('registry_proxy_hits_total{type="blob"}')).toBe(2);
    expect(seen.get('registry_proxy_misses_total{type="blob"}')).toBe(3);
    expect(seen.get('registry_proxy_pushed_bytes_total{type="blob"}')).toBe(50);
    expect(seen.get('registry_proxy_requests_total{type="manifest"}')).toBe(0);
  });

  it('stale is logged once per upstream and minute', () => {
    const { telemetry, clock, parsed } = setUp();
    const stale = {
      upstream: 'docker.io',
      repository: 'a',
      stored: 'docker.io/a',
      tag: 'latest',
      digest: parseDigest(`sha256:${'ab'.repeat(32)}`),
      reason: 'timeout',
      ageMs: 1000,
    } as const;
    telemetry.cache.staleServed(stale);
    telemetry.cache.staleServed(stale);
    telemetry.cache.staleServed({ ...stale, upstream: 'ghcr.io' });
    clock.nowMs = 60_000;
    telemetry.cache.staleServed(stale);
    expect(parsed().map(({ level, upstream }) => [level, upstream])).toEqual([
      ['warning', 'docker.io'],
      ['warning', 'ghcr.io'],
      ['warning', 'docker.io'],
    ]);
  });
});

describe('a fill', () => {
  it('is in flight from its start to its end', async () => {
    const { telemetry, samples } = setUp();
    const inFlight = async () => (await samples()).get('layover_fills_in_flight');
    for (const end of ['fillCompleted', 'fillFailed', 'fillDiscarded'] as const) {
      telemetry.cache.fillStarted(FILL);
      telemetry.cache.fillResumed({ ...FILL, bytes: 5 });
      expect(await inFlight()).toBe(1);
      telemetry.cache[end]({ ...FILL, bytes: 10, durationMs: 2000, reason: '' });
      expect(await inFlight()).toBe(0);
    }
    const seen = await samples();
    const count = (result: string) => seen.get(`layover_fills_total{result="${result}",upstream="docker.io"}`);
    expect(['started', 'resumed', 'completed', 'failed', 'discarded'].map(count)).toEqual([3, 3, 1, 1, 1]);
    expect(seen.get('layover_fill_seconds_sum{upstream="docker.io"}')).toBe(2);
  });

  it('has an age while it is the oldest one', async () => {
    const { telemetry, clock, samples } = setUp();
    const oldest = async () => (await samples()).get('layover_fill_oldest_seconds');
    expect(await oldest()).toBe(0);
    telemetry.cache.fillStarted(FILL);
    clock.nowMs = 10_000;
    telemetry.cache.fillStarted({ ...FILL, digest: 'sha256:cd' });
    clock.nowMs = 60_000;
    expect(await oldest()).toBe(60);
    telemetry.cache.fillCompleted({ ...FILL, bytes: 10, durationMs: 2000 });
    expect(await oldest()).toBe(50);
  });

  it('of an earlier process does not lower the count when it is discarded', async () => {
    const { telemetry, samples } = setUp();
    telemetry.cache.fillStarted(FILL);
    telemetry.cache.fillDiscarded({ ...FILL, digest: 'sha256:cd', bytes: 0, reason: 'too old' });
    expect((await samples()).get('layover_fills_in_flight')).toBe(1);
  });

  it('has metrics of its followers and of spool bytes', async () => {
    const { telemetry, samples } = setUp();
    for (const change of [1, 1, 1, -1] as const) telemetry.cache.fillReaders(change);
    telemetry.cache.spoolBytes(4096);
    expect((await samples()).get('layover_fill_waiters')).toBe(2);
    expect((await samples()).get('layover_spool_bytes')).toBe(4096);
  });
});

describe('storage', () => {
  it('that is full is logged once until it has recovered, and counted each time', async () => {
    const { telemetry, messages, samples } = setUp();
    telemetry.cache.storageFull({ what: 'sha256:ab' });
    telemetry.cache.storageFull({ what: 'sha256:cd' });
    telemetry.cache.storageRecovered();
    telemetry.cache.storageRecovered();
    telemetry.cache.storageFull({ what: 'sha256:ef' });
    const full = 'storage is full or read-only: serving without caching';
    expect(messages()).toEqual([full, 'storage available again', full]);
    expect((await samples()).get('layover_storage_full_total')).toBe(3);
  });

  it('with damaged content is an error with the path', async () => {
    const { telemetry, parsed, samples } = setUp();
    telemetry.cache.damagedContent({ path: '/docker/registry/v2/x', reason: 'wrong digest' });
    expect(parsed()).toMatchObject([{ level: 'error', path: '/docker/registry/v2/x', reason: 'wrong digest' }]);
    expect((await samples()).get('layover_damaged_content_total')).toBe(1);
  });
});

describe('an upstream', () => {
  it('has counters of responses, bytes and retries', async () => {
    const { telemetry, samples } = setUp();
    const answer = { upstream: 'docker.io', host: 'registry-1.docker.io', operation: 'blob', method: 'GET' } as const;
    telemetry.upstream.exchangeCompleted({ ...answer, status: 200, durationMs: 40 });
    telemetry.upstream.exchangeCompleted({ ...answer, status: 'error:timeout', durationMs: 2000 });
    telemetry.upstream.bytesReceived({ upstream: 'docker.io', kind: 'blob', bytes: 100 });
    telemetry.upstream.retried({ upstream: 'docker.io', operation: 'blob', reason: 'network', delayMs: 5 });
    const seen = await samples();
    const requests = (status: string) =>
      seen.get(
        `layover_upstream_requests_total{method="GET",operation="blob",status="${status}",upstream="docker.io"}`,
      );
    expect([requests('200'), requests('error:timeout')]).toEqual([1, 1]);
    expect(seen.get('layover_upstream_request_seconds_sum{operation="blob",upstream="docker.io"}')).toBeCloseTo(2.04);
    expect(seen.get('layover_upstream_bytes_total{kind="blob",upstream="docker.io"}')).toBe(100);
    expect(seen.get('registry_proxy_pulled_bytes_total{type="blob"}')).toBe(100);
    expect(seen.get('layover_upstream_retries_total{operation="blob",upstream="docker.io"}')).toBe(1);
  });

  it('is logged when its budget falls below a tenth, at most once a minute', async () => {
    const { telemetry, parsed, samples } = setUp();
    const account = { upstream: 'docker.io', account: 'ci' };
    for (const remaining of [50, 10, 9, 8, 100, 9]) {
      telemetry.upstream.rateLimited({ ...account, limit: 100, remaining, windowSeconds: 21600 });
    }
    expect(parsed().map(({ level, remaining }) => [level, remaining])).toEqual([['warning', 9]]);
    const seen = await samples();
    expect(seen.get('layover_upstream_ratelimit_limit{account="ci",upstream="docker.io"}')).toBe(100);
    expect(seen.get('layover_upstream_ratelimit_remaining{account="ci",upstream="docker.io"}')).toBe(9);
  });

  it.each([
    ['the window after its latest response', { windowSeconds: 21600 }, 21540],
    ['when it announced', { windowSeconds: 21600, resetSeconds: 90 }, 30],
    ['at once when that has passed', { resetSeconds: 30 }, 0],
    ['at an unknown time', {}, undefined],
  ])('has a budget that is renewed %s', async (_, sent, seconds) => {
    const { telemetry, clock, samples } = setUp();
    telemetry.upstream.rateLimited({ upstream: 'u', account: 'a', limit: 100, remaining: 1, ...sent });
    clock.nowMs = 60_000;
    const reset = 'layover_upstream_ratelimit_reset_seconds{account="a",upstream="u"}';
    expect((await samples()).get(reset)).toBe(seconds);
  });

  it.each([
    ['closed', 0],
    ['half-open', 1],
    ['open', 2],
  ])('whose breaker becomes %s is a warning and the value %i', async (to, value) => {
    const { telemetry, parsed, samples } = setUp();
    telemetry.upstream.breakerChanged({
      upstream: 'u',
      host: 'h:443',
      isConfigured: true,
      from: 'closed',
      to,
      reason: 'network',
    });
    expect(parsed()).toMatchObject([{ level: 'warning', upstream: 'u', host: 'h:443', to, reason: 'network' }]);
    expect((await samples()).get('layover_upstream_breaker_state{host="h:443",upstream="u"}')).toBe(value);
  });

  it('that redirects to another host each time adds no time series, and one line a minute', async () => {
    const { telemetry, parsed, samples } = setUp();
    const before = (await samples()).size;
    for (let i = 0; i < 500; i++) {
      const host = `cdn${i}.example`;
      telemetry.upstream.breakerChanged({
        upstream: 'u',
        host,
        isConfigured: false,
        from: 'closed',
        to: 'open',
        reason: 'x',
      });
    }
    expect((await samples()).size).toBe(before);
    expect(parsed().filter(({ level }) => level === 'warning')).toMatchObject([
      { upstream: 'u', host: 'cdn0.example' },
    ]);
  });

  it('with unregistered statuses has one time series for them', async () => {
    const { telemetry, samples } = setUp();
    for (let status = 600; status < 1_000; status++) {
      const event = { upstream: 'u', host: 'h', operation: 'manifest', method: 'GET', durationMs: 1 } as const;
      telemetry.upstream.exchangeCompleted({ ...event, status });
    }
    const seen = [...(await samples())].filter(([name]) => name.startsWith('layover_upstream_requests_total'));
    expect(seen).toEqual([
      ['layover_upstream_requests_total{method="GET",operation="manifest",status="other",upstream="u"}', 400],
    ]);
  });

  it('that refuses an account is a warning, at most once a minute, and a metric', async () => {
    const { telemetry, parsed, samples } = setUp();
    const trouble = { reason: 'locked-out', since: 0, retryAt: Date.now() + 600_000 } as const;
    for (let i = 0; i < 3; i++) telemetry.upstream.loginChanged({ upstream: 'u', account: 'ci', trouble });
    expect(parsed().filter(({ level }) => level === 'warning')).toMatchObject([
      { account: 'ci', reason: 'locked-out' },
    ]);
    expect((await samples()).get('layover_upstream_login_failing{account="ci",upstream="u"}')).toBe(1);
    telemetry.upstream.loginChanged({ upstream: 'u', account: 'ci', trouble: undefined });
    expect((await samples()).get('layover_upstream_login_failing{account="ci",upstream="u"}')).toBe(0);
  });

  it('whose limit is nearly used up is one warning for each account', () => {
    const { telemetry, parsed } = setUp();
    for (const account of ['ci', 'ci', 'acme'])
      telemetry.upstream.rateLimited({ upstream: 'u', account, limit: 100, remaining: 5 });
    expect(parsed().filter(({ level }) => level === 'warning')).toMatchObject([{ account: 'ci' }, { account: 'acme' }]);
  });

  it('with unreadable credentials is a warning', () => {
    const { telemetry, parsed } = setUp();
    telemetry.upstream.credentialsFailed({ upstream: 'u', source: 'exec', reason: 'no such program' });
    expect(parsed()).toMatchObject([{ level: 'warning', source: 'exec', reason: 'no such program' }]);
  });
});
