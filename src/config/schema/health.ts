import { z } from 'zod';
import { headers } from './http.ts';
import { bool, httpUrl, integer, matching, name, timer } from './scalar.ts';

const interval = () => timer('Time between checks. Default: 10s.').optional();
const timeout = () => timer('Longest time one check takes. Default: 10s.').optional();
const threshold = () => integer('Failures in a row before it counts. Default: 1.', { min: 0 }).optional();

const fileCheck = z.strictObject({
  file: name('Unhealthy while this file exists.'),
  interval: interval(),
  threshold: threshold(),
});

const httpCheck = z.strictObject({
  uri: httpUrl('Asked by HEAD.'),
  headers: headers().optional(),
  statuscode: integer('The healthy answer. Default: 200.', { min: 0, max: 999 }).optional(),
  timeout: timeout(),
  interval: interval(),
  threshold: threshold(),
});

const tcpCheck = z.strictObject({
  addr: matching('host:port to connect to.', {
    pattern: /^(?:\[[^\]]+\]|[^:[\]\s]+):\d{1,5}$/,
    expected: 'must be host:port',
  }),
  timeout: timeout(),
  interval: interval(),
  threshold: threshold(),
});

const fatal = (what: string) => bool(`Unhealthy and not ready ${what}. Default: false, it is only told.`).optional();

const redisCheck = z
  .strictObject({
    enabled: bool('Ask Redis by PING. Default: true, where there is a Redis.').optional(),
    fatal: fatal('without Redis'),
    interval: interval(),
    threshold: threshold(),
  })
  .describe('Whether Redis can be read and written.');

const upstreamChecks = z
  .strictObject({
    enabled: bool('Tell how the upstreams are. Default: true.').optional(),
    fatal: fatal('while one of the upstreams cannot be asked'),
    probe: bool('Ask each at every interval, by GET /v2/. Default: false, pulls alone tell.').optional(),
    timeout: timeout(),
    interval: interval(),
    threshold: threshold(),
  })
  .describe('Whether the upstreams can be asked: their circuit breakers.');

export const health = z
  .strictObject({
    storagedriver: z
      .strictObject({
        enabled: bool('Check that the storage can be read. Default: false.').optional(),
        interval: interval(),
        threshold: threshold(),
      })
      .optional(),
    file: z.array(fileCheck).optional(),
    http: z.array(httpCheck).optional(),
    tcp: z.array(tcpCheck).optional(),
    redis: redisCheck.optional(),
    upstreams: upstreamChecks.optional(),
  })
  .describe('What makes this service unhealthy: /debug/health, and 503 everywhere.');
