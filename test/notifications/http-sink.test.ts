import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { describe, expect, it } from 'vitest';

import type { NotificationEndpointConfig } from '../../src/config/config.ts';
import { createHttpSink, PostTimeoutError } from '../../src/notifications/http-sink.ts';
import { startServer } from '../support/start-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const NEVER = new AbortController().signal;

function sinkTo(url: string, more: Partial<NotificationEndpointConfig> = {}, env: Record<string, string> = {}) {
  const sink = createHttpSink({
    endpoint: {
      name: 'a',
      url,
      headers: {},
      timeoutMs: 10_000,
      threshold: 1,
      backoffMs: 1,
      maxBackoffMs: 1,
      ignoredMediaTypes: [],
      ignoredActions: [],
      caFile: undefined,
      ...more,
    },
    env,
    userAgent: 'layover/test',
  });
  return {
    post: (body: string, signal: AbortSignal) => sink.post(body, signal),
    [Symbol.asyncDispose]: () => sink.close(),
  };
}

async function startTls() {
  const pems = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  });
  const server = createServer({ cert: pems.cert, key: pems.private }, (req, res) => {
    req.resume().on('end', () => res.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}/`,
    certificate: pems.cert,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a post to an endpoint', () => {
  it('is sent over TLS only to a server with a certificate of the configured CA', async () => {
    await using server = await startTls();
    await using directory = await temporaryDirectory();
    const caFile = join(directory.path, 'ca.pem');
    await writeFile(caFile, server.certificate);
    await using trusting = sinkTo(server.url, { caFile });
    expect(await trusting.post('{}', NEVER)).toEqual({ status: '200 OK', isAccepted: true });
    await using cautious = sinkTo(server.url);
    await expect(cautious.post('{}', NEVER)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  it('counts as accepted after a redirect, as in distribution, which is not followed', async () => {
    const paths: (string | undefined)[] = [];
    await using server = await startServer((req, res) => {
      paths.push(req.url);
      req.resume().on('end', () => res.writeHead(307, { location: '/elsewhere' }).end());
    });
    await using sink = sinkTo(`${server.url}/events`, { headers: { authorization: 'Bearer x' } });
    expect(await sink.post('{}', NEVER)).toEqual({ status: '307 Temporary Redirect', isAccepted: true });
    expect(paths).toEqual(['/events']);
  });

  it.each([400, 404, 429, 500, 503])('is not accepted by a %i', async (status) => {
    await using server = await startServer((req, res) => {
      req.resume().on('end', () => res.writeHead(status).end('a page with reasons'));
    });
    await using sink = sinkTo(server.url);
    expect(await sink.post('{}', NEVER)).toMatchObject({ isAccepted: false });
  });

  it('ends after its timeout, and only the status of an endless response counts', async () => {
    await using silent = await startServer(() => {});
    await using impatient = sinkTo(silent.url, { timeoutMs: 50 });
    await expect(impatient.post('{}', NEVER)).rejects.toThrow(PostTimeoutError);

    await using endless = await startServer((_req, res) => {
      res.writeHead(200);
      const timer = setInterval(() => res.write('x'.repeat(10_000)), 1);
      res.on('close', () => clearInterval(timer));
    });
    await using sink = sinkTo(endless.url);
    expect(await sink.post('{}', NEVER)).toMatchObject({ isAccepted: true });

    await using unfinished = await startServer((_req, res) => void res.writeHead(200).write('x'));
    await using patient = sinkTo(unfinished.url, { timeoutMs: 1_000 });
    expect(await patient.post('{}', NEVER)).toMatchObject({ isAccepted: true });
    expect(await patient.post('{}', NEVER)).toMatchObject({ isAccepted: true });
  });

  it('ends after its timeout when a proxy does not respond, and the next one is sent', async () => {
    let connections = 0;
    const server = createTcpServer(() => connections++).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await using sink = sinkTo('https://receiver.invalid/', { timeoutMs: 100 }, { HTTPS_PROXY: proxy });
    await expect(sink.post('{}', NEVER)).rejects.toThrow(PostTimeoutError);
    await expect(sink.post('{}', NEVER)).rejects.toThrow(PostTimeoutError);
    expect(connections).toBe(2);
    server.close();
  });

  it('uses the proxy of the environment', async () => {
    const asked: (string | undefined)[] = [];
    await using proxy = await startServer((req, res) => {
      asked.push(`${req.method} ${req.url}`);
      req.resume().on('end', () => res.end());
    });
    await using sink = sinkTo('http://receiver.invalid/events', {}, { HTTP_PROXY: proxy.url });
    expect(await sink.post('{}', NEVER)).toMatchObject({ isAccepted: true });
    expect(asked).toEqual(['POST http://receiver.invalid/events']);
    await using direct = sinkTo(`${proxy.url}/direct`, {}, { HTTP_PROXY: 'http://127.0.0.1:1', NO_PROXY: '127.0.0.1' });
    expect(await direct.post('{}', NEVER)).toMatchObject({ isAccepted: true });
  });
});
