import type { RequestListener } from 'node:http';
import { expect, describe, it } from 'vitest';

import { PublishedRanges } from '../../../src/storage/middleware/published-ranges.ts';
import { StoppableServer } from '../../support/stoppable-server.ts';

const fileOf = (...networks: string[]) =>
  JSON.stringify({ prefixes: networks.map((ip_prefix) => ({ ip_prefix, region: 'eu-central-1' })), ipv6_prefixes: [] });

/** A server that publishes networks, and a client that reads them every few milliseconds. */
async function startScene() {
  let respond: RequestListener = (_req, res) => res.end(fileOf('10.0.0.0/8'));
  let requests = 0;
  const server = await StoppableServer.start((req, res) => {
    requests += 1;
    respond(req, res);
  });
  const lines: string[] = [];
  const note = (level: string) => (fields: object, message: string) =>
    void lines.push(`${level} ${JSON.stringify(fields)} ${message}`);
  const log = { debug: note('debug'), info: note('info'), warn: note('warn') };
  let ranges: PublishedRanges | undefined;
  return {
    server,
    lines,
    get requests() {
      return requests;
    },
    publish(listener: RequestListener) {
      respond = listener;
    },
    start(regions?: readonly string[]) {
      ranges = PublishedRanges.start({ url: `${server.url}/ip-ranges.json`, regions, intervalMs: 5 }, log);
      return ranges;
    },
    async [Symbol.asyncDispose]() {
      ranges?.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

const READ = 'info {"networks":1} AWS address ranges loaded';

describe('published networks', () => {
  it('are read periodically, and replace the earlier ones', async () => {
    await using scene = await startScene();
    const ranges = scene.start(['eu-central-1']);
    expect(ranges.has('10.1.2.3')).toBe(false);
    await expect.poll(() => ranges.has('10.1.2.3')).toBe(true);
    expect([ranges.has('11.1.2.3'), ranges.has(undefined)]).toEqual([false, false]);

    scene.publish((_req, res) => res.end(fileOf('11.0.0.0/8')));
    await expect.poll(() => ranges.has('11.1.2.3')).toBe(true);
    expect(ranges.has('10.1.2.3')).toBe(false);
    expect(scene.lines).toEqual([READ]);
  });

  it('still apply while they cannot be read, with one log line for the failure and one for the recovery', async () => {
    await using scene = await startScene();
    const ranges = scene.start();
    await expect.poll(() => ranges.has('10.1.2.3')).toBe(true);

    scene.publish((_req, res) => res.writeHead(503).end());
    const before = scene.requests;
    await expect.poll(() => scene.requests).toBeGreaterThan(before + 4);
    expect(ranges.has('10.1.2.3')).toBe(true);
    scene.publish((_req, res) => res.end(fileOf('11.0.0.0/8')));
    await expect.poll(() => ranges.has('11.1.2.3')).toBe(true);
    expect(scene.lines).toEqual([
      READ,
      'warn {"reason":"status 503"} AWS address ranges not loaded: the last list applies',
      READ,
    ]);
  });

  it.each<[string, RequestListener | undefined, string]>([
    ['the server is down', undefined, 'ECONNREFUSED'],
    ['the connection ends', (_req, res) => res.destroy(), 'UND_ERR_SOCKET'],
    ['the file is something else', (_req, res) => res.end('<html>'), 'not a list of AWS address ranges'],
    ['the file does not exist', (_req, res) => res.writeHead(404).end('{}'), 'status 404'],
  ])('are empty when %s from the start, which is logged once', async (_what, listener, reason) => {
    await using scene = await startScene();
    if (listener) scene.publish(listener);
    else await scene.server.stop();
    const ranges = scene.start();
    const logged = `warn {"reason":"${reason}"} AWS address ranges not loaded: all clients are redirected to CloudFront`;
    await expect.poll(() => scene.lines).toEqual([logged]);
    expect(ranges.has('10.1.2.3')).toBe(false);

    await scene.server.resume();
    scene.publish((_req, res) => res.end(fileOf('10.0.0.0/8')));
    await expect.poll(() => ranges.has('10.1.2.3')).toBe(true);
    expect(scene.lines).toEqual([logged, READ]);
  });

  it('are not read any more after close, which also aborts a download', async () => {
    await using scene = await startScene();
    const hungUp = new Promise<void>((resolve) => {
      scene.publish((_req, res) => {
        res.write('{"prefixes":');
        res.on('close', resolve);
      });
    });
    const ranges = scene.start();
    await expect.poll(() => scene.requests).toBe(1);
    ranges.close();
    await hungUp;
    expect([scene.requests, scene.lines]).toEqual([1, []]);
  });
});
