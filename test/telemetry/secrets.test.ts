import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { once } from 'node:events';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { LogFormat } from '../../src/config/config.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';
import { startServer } from '../support/start-server.ts';
import { logIntoArray } from './log-lines.ts';

const secret = fc.stringMatching(/^[A-Za-z0-9_~-]{16,48}$/);
const parameter = fc.constantFrom(
  'token',
  'password',
  '_state',
  'X-Amz-Signature',
  'Signature',
  'sig',
  'se',
  'N',
  'Ns',
);
const format = fc.constantFrom<LogFormat>('text', 'json', 'logstash');

/** Sends a request with an unmodified target, which `fetch` does not. */
async function send(url: string, target: string, headers: Record<string, string>): Promise<void> {
  const sent = request(url, { path: target, headers }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  await once(response.resume(), 'end');
}

describe('a secret in a request', () => {
  it('appears neither in the log nor in the metrics', async () => {
    await fc.assert(
      fc.asyncProperty(secret, parameter, format, async (value, name, logFormat) => {
        const { log, lines } = logIntoArray({ format: logFormat, level: 'debug' });
        const metrics = createMetrics();
        const telemetry = createTelemetry({ log, metrics });
        await using server = await startServer((incoming, response) => {
          response.end('{}');
          telemetry.requestFinished({
            requestId: 'r',
            client: '127.0.0.1:1',
            userAgent: incoming.headers['user-agent'],
            method: incoming.method ?? '',
            url: incoming.url ?? '',
            handler: 'other',
            status: 200,
            bytes: 2,
            durationMs: 1,
            aborted: false,
          });
        });
        const basic = Buffer.from(`me:${value}`).toString('base64');
        const headers = { authorization: `Basic ${basic}`, cookie: `session=${value}`, 'user-agent': 'curl/8' };
        await send(server.url, `/v2/?n=1&${name}=${value}&ns=docker.io`, headers);
        await send(server.url, `http://me:${value}@registry.example/v2/?${name}=${value}`, headers);
        const output = [...lines, (await metrics.render()).text].join('\n');
        expect(lines).toHaveLength(2);
        expect(output).not.toContain(value);
        expect(output).not.toContain(basic);
      }),
      { numRuns: 60 },
    );
  });
});
