import { z } from 'zod';
import type { Immutable } from '../immutable.ts';
import { httpUrl } from './address.ts';
import { withDefault, withPositiveDefault } from './defaults.ts';
import { timer } from './duration.ts';
import { headers, joinValues } from './header.ts';
import { bool, integer } from './number.ts';
import { matching, path } from './text.ts';

const interval = withPositiveDefault(timer('Time between two checks.'), '10s');
const timeout = withPositiveDefault(timer('Longest time of one check.'), '10s');
const threshold = withPositiveDefault(integer('Failures in a row before it counts.', { min: 0 }), '1');

const storageDriver = z
  .strictObject({
    enabled: withDefault(bool('Check that the storage can be read.'), 'false'),
    interval,
    threshold,
  })
  .transform(({ enabled, ...rest }) => ({ enabled, intervalMs: rest.interval, threshold: rest.threshold }))
  .describe('Whether the storage can be read.');

const fileCheck = z
  .strictObject({
    file: path('Unhealthy while this file exists.'),
    interval,
    threshold: withPositiveDefault(integer('Has no effect.', { min: 0 }), '1'),
  })
  .transform((raw) => ({ path: raw.file, intervalMs: raw.interval }));

const httpCheck = z
  .strictObject({
    uri: httpUrl('Checked with `HEAD`.'),
    headers: headers().describe('Sent with the check.').optional(),
    statuscode: withPositiveDefault(integer('The healthy status.', { min: 0, max: 999 }), '200'),
    timeout,
    interval,
    threshold,
  })
  .transform((raw) => ({
    uri: raw.uri,
    headers: joinValues(raw.headers ?? {}),
    statusCode: raw.statuscode,
    timeoutMs: raw.timeout,
    intervalMs: raw.interval,
    threshold: raw.threshold,
  }));

const tcpCheck = z
  .strictObject({
    addr: matching('`host:port` to connect to.', {
      pattern: /^(?:\[[^\]]+\]|[^:[\]\s]+):\d{1,5}$/,
      expected: 'must be host:port',
      format: 'address',
    }),
    timeout,
    interval,
    threshold,
  })
  .transform((raw) => ({
    address: raw.addr,
    timeoutMs: raw.timeout,
    intervalMs: raw.interval,
    threshold: raw.threshold,
  }));

const fatal = (what: string) => withDefault(bool(`Unhealthy ${what}. Otherwise that is only reported.`), 'false');

const redisCheck = z
  .strictObject({
    enabled: withDefault(bool('Check that Redis can be read and written, when there is one.'), 'true'),
    fatal: fatal('without Redis'),
    interval,
    threshold,
  })
  .transform((raw) => ({
    enabled: raw.enabled,
    /** Fails the health of the service. */
    fatal: raw.fatal,
    intervalMs: raw.interval,
    threshold: raw.threshold,
  }))
  .describe('Whether Redis can be read and written.');

const upstreamChecks = z
  .strictObject({
    enabled: withDefault(bool('Report whether the upstreams are reachable, judging by recent pulls.'), 'true'),
    fatal: fatal('while one of them is unreachable'),
    probe: withDefault(bool('Request `GET /v2/` from each at every interval.'), 'false'),
    timeout,
    interval,
    threshold,
  })
  .transform((raw) => ({
    enabled: raw.enabled,
    fatal: raw.fatal,
    probe: raw.probe,
    timeoutMs: raw.timeout,
    intervalMs: raw.interval,
    threshold: raw.threshold,
  }))
  .describe('Whether the upstreams are reachable: their circuit breakers.');

export const health = z
  .strictObject({
    storagedriver: storageDriver.prefault({}),
    file: z.array(fileCheck).optional(),
    http: z.array(httpCheck).optional(),
    tcp: z.array(tcpCheck).optional(),
    redis: redisCheck.prefault({}),
    upstreams: upstreamChecks.prefault({}),
  })
  .transform(({ storagedriver, file = [], http = [], tcp = [], redis, upstreams }) => ({
    storageDriver: storagedriver,
    files: file,
    http,
    tcp,
    redis,
    upstreams,
  }))
  .describe('When the service is unhealthy: /debug/health, and 503 everywhere.');

export type HealthConfig = Immutable<z.output<typeof health>>;
export type HttpHealthCheck = HealthConfig['http'][number];
export type TcpHealthCheck = HealthConfig['tcp'][number];
