import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { describe, expect, it } from 'vitest';

import { startForwardProxy } from '../support/forward-proxy.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { connect, failureOf } from './support/connect.ts';
import { LATEST, MANIFEST_TYPE, manifest } from './support/samples.ts';
import { startScripted } from './support/scripted-server.ts';

const sendManifest: RequestListener = (_req, res) =>
  void res.writeHead(200, { 'content-type': MANIFEST_TYPE }).end(manifest);

/** An HTTPS server with a certificate of an unknown CA, for `localhost`. */
async function startTls(listener: RequestListener = sendManifest) {
  const pems = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  });
  const server = createHttpsServer({ cert: pems.cert, key: pems.private }, listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    certificate: pems.cert,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('TLS', () => {
  it('does not trust an unknown CA, and does not retry', async () => {
    await using registry = await startTls();
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST));
    expect(error.kind).toBe('network');
    expect(error.message).toContain('self-signed certificate');
    expect(up.events('retried')).toEqual([]);
  });

  it('trusts a configured CA', async () => {
    await using registry = await startTls();
    await using directory = await temporaryDirectory();
    const caFile = join(directory.path, 'ca.pem');
    await writeFile(caFile, registry.certificate);
    await using up = connect(registry.url, { tls: { caFile, insecure: false } });
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
  });

  it('trusts every certificate when insecure', async () => {
    await using registry = await startTls();
    await using up = connect(registry.url, { tls: { caFile: undefined, insecure: true } });
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
  });

  it('fails at start when the CA cannot be read', () => {
    expect(() => connect('https://localhost', { tls: { caFile: '/nonexistent/ca.pem', insecure: false } })).toThrow(
      'ENOENT',
    );
  });

  it('is not dropped by a redirect', async () => {
    await using plain = await startScripted(sendManifest);
    await using registry = await startTls((_req, res) => void res.writeHead(307, { location: plain.url }).end());
    await using up = connect(registry.url, { tls: { caFile: undefined, insecure: true } });
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST));
    expect(error.kind).toBe('protocol');
    expect(error.message).toContain('without TLS');
    expect(plain.seen).toEqual([]);
  });

  it('is not given up by a token server', async () => {
    await using plain = await startScripted(sendManifest);
    await using registry = await startTls((_req, res) => {
      res.writeHead(401, { 'www-authenticate': `Bearer realm="${plain.localhostUrl}"` }).end();
    });
    await using up = connect(registry.url, { tls: { caFile: undefined, insecure: true } });
    expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).kind).toBe('unauthorized');
    expect(plain.seen).toEqual([]);
  });
});

describe('a proxy', () => {
  it.each(['http_proxy', 'HTTP_PROXY'])('from %s forwards plain HTTP without a tunnel', async (name) => {
    await using proxy = await startForwardProxy();
    await using registry = await startScripted(sendManifest);
    await using up = connect(registry.url, { env: { [name]: proxy.url } });
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
    expect(proxy.lines).toEqual([`GET ${registry.url}/v2/a/manifests/latest`]);
    expect(registry.seen[0]?.headers.via).toBe('1.1 proxy');
  });

  it.each(['https_proxy', 'HTTPS_PROXY'])('from %s tunnels TLS, which is still checked', async (name) => {
    await using proxy = await startForwardProxy();
    await using registry = await startTls();
    const env = { [name]: proxy.url };
    await using distrustful = connect(registry.url, { env });
    expect((await failureOf(distrustful.upstream.fetchManifest('a', LATEST))).kind).toBe('network');
    await using up = connect(registry.url, { env, tls: { caFile: undefined, insecure: true } });
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
    expect(proxy.lines.at(-1)).toBe(`CONNECT ${new URL(registry.url).host}`);
  });

  it('is not used for hosts in NO_PROXY', async () => {
    await using proxy = await startForwardProxy();
    await using registry = await startScripted(sendManifest);
    await using up = connect(registry.url, { env: { HTTP_PROXY: proxy.url, NO_PROXY: 'example.com, 127.0.0.1' } });
    await up.upstream.fetchManifest('a', LATEST);
    expect(proxy.lines).toEqual([]);
  });

  it('of the configuration beats the environment, NO_PROXY included, and may want a password', async () => {
    await using proxy = await startForwardProxy();
    await using registry = await startScripted(sendManifest);
    const httpProxy = `http://jack:pw@127.0.0.1:${proxy.port}`;
    await using up = connect(registry.url, { httpProxy, env: { HTTP_PROXY: 'http://127.0.0.1:1', NO_PROXY: '*' } });
    await up.upstream.fetchManifest('a', LATEST);
    const authorization = `Basic ${Buffer.from('jack:pw').toString('base64')}`;
    expect(proxy.lines).toEqual([`GET ${registry.url}/v2/a/manifests/latest ${authorization}`]);
  });

  it('that is down makes the call fail as network', async () => {
    await using registry = await startScripted(sendManifest);
    await using up = connect(registry.url, { httpProxy: 'http://127.0.0.1:1' });
    expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).kind).toBe('network');
    expect(registry.seen).toEqual([]);
  });

  it.each(['before-tunnel', 'behind-tunnel'] as const)(
    'that is silent %s makes calls fail as timeout, however many there are, and works again when it speaks',
    async (when) => {
      await using proxy = await startForwardProxy();
      await using registry = await startTls();
      const tls = { caFile: undefined, insecure: true };
      await using up = connect(registry.url, { httpProxy: proxy.url, tls, timeouts: { connectMs: 200 } });
      proxy.silence(when);
      // More than there are connections to one host.
      const calls = Array.from({ length: 70 }, () => failureOf(up.upstream.fetchManifest('a', LATEST)));
      const kinds = (await Promise.all(calls)).map(({ kind }) => kind);
      expect(new Set(kinds)).toEqual(new Set(['timeout']));
      await expect.poll(() => proxy.connections).toBe(0);

      proxy.speak();
      const fetched = () => up.upstream.fetchManifest('a', LATEST).then(({ bytes }) => bytes, String);
      await expect.poll(fetched, { timeout: 20_000 }).toEqual(manifest);
    },
  );

  it('that is silent lets a call end with its signal, and those behind it go on', async () => {
    await using proxy = await startForwardProxy();
    await using registry = await startTls();
    await using up = connect(registry.url, { httpProxy: proxy.url, tls: { caFile: undefined, insecure: true } });
    proxy.silence('before-tunnel');
    const patience = new AbortController();
    const call = up.upstream.fetchManifest('a', LATEST, { signal: patience.signal });
    await expect.poll(() => proxy.lines.length).toBe(1);
    patience.abort(new Error('the client left'));
    await expect(call).rejects.toThrow('the client left');
    proxy.speak();
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
  });
});

describe('connections', () => {
  it('are kept and used again', async () => {
    const ports = new Set<number | undefined>();
    await using registry = await startScripted((req, res) => {
      ports.add(req.socket.remotePort);
      sendManifest(req, res);
    });
    await using up = connect(registry.url);
    for (let i = 0; i < 10; i++) await up.upstream.fetchManifest('a', LATEST);
    // One more may be opened while the first is just being given back.
    expect(ports.size).toBeLessThanOrEqual(2);
  });

  it('to one host are at most 64', async () => {
    const ports = new Set<number | undefined>();
    await using registry = await startScripted((req, res) => {
      ports.add(req.socket.remotePort);
      setTimeout(() => sendManifest(req, res), 20);
    });
    await using up = connect(registry.url);
    await Promise.all(Array.from({ length: 200 }, () => up.upstream.fetchManifest('a', LATEST)));
    expect(registry.seen).toHaveLength(200);
    expect(ports.size).toBeLessThanOrEqual(64);
  });
});
