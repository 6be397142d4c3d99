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
  })
  .describe('What makes this service unhealthy: /debug/health, and 503 everywhere.');
