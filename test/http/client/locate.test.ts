import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

import type { HttpConfig } from '../../../src/config/config.ts';
import { Clients } from '../../../src/http/client/client-address.ts';
import { createLocate } from '../../../src/http/client/locate.ts';
import { TrustedProxies } from '../../../src/http/client/trusted-proxies.ts';
import { startServer } from '../../support/start-server.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { Layover } from '../../support/layover.ts';
import { ask } from '../v2/ask.ts';

const DEFAULTS = { prefix: '/', host: undefined, relativeUrls: undefined, trustedProxies: [] as string[] };
const PATH = '/v2/app/blobs/uploads/1';
const PROXY = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'r.example', 'x-forwarded-for': '203.0.113.9' };

/** The result of a real server on loopback for a request with these headers. */
async function locate(config: Partial<typeof DEFAULTS | HttpConfig>, headers: Record<string, string> = {}) {
  const http = { ...DEFAULTS, ...config } as HttpConfig;
  const clients = new Clients(new TrustedProxies(http.trustedProxies));
  const locator = createLocate(http, clients);
  await using server = await startServer((req, res) => {
    res.end(JSON.stringify({ location: locator(req, PATH), client: clients.of(req).name }));
  });
  const response = await ask(server.url, { headers: { host: 'here.example:5000', ...headers } });
  return JSON.parse(response.body.toString()) as { location: string; client: string };
}

const locationOf = async (...parameters: Parameters<typeof locate>) => (await locate(...parameters)).location;

describe('a Location', () => {
  it('is a path when the address is not known, for any Host', async () => {
    expect(await locationOf({})).toBe(PATH);
    expect(await locationOf({}, { ...PROXY, forwarded: 'proto=https;host=evil.example' })).toBe(PATH);
  });

  it('has the prefix', async () => {
    expect(await locationOf({ prefix: '/registry/' })).toBe(`/registry${PATH}`);
  });

  it('starts with http.host, which takes precedence', async () => {
    const config = { host: 'https://r.example:8443', prefix: '/registry/', trustedProxies: ['127.0.0.1'] };
    expect(await locationOf(config, PROXY)).toBe(`https://r.example:8443/registry${PATH}`);
  });

  it('starts with the address that a trusted proxy forwards', async () => {
    expect(await locationOf({ trustedProxies: ['127.0.0.0/8'] }, PROXY)).toBe(`https://r.example${PATH}`);
    const forwarded = { forwarded: 'for=203.0.113.9;proto=https;host="[2001:db8::1]:8443"', ...PROXY };
    expect(await locationOf({ trustedProxies: ['127.0.0.0/8'] }, forwarded)).toBe(`https://[2001:db8::1]:8443${PATH}`);
  });

  it('keeps the Host of the request when the proxy forwards only the scheme', async () => {
    const headers = { 'x-forwarded-proto': 'https' };
    expect(await locationOf({ trustedProxies: ['127.0.0.1'] }, headers)).toBe(`https://here.example:5000${PATH}`);
  });

  it('is a path when the trusted proxy forwards nothing', async () => {
    expect(await locationOf({ trustedProxies: ['127.0.0.1'] })).toBe(PATH);
  });

  it('is always a path with relativeurls: true', async () => {
    const config = { relativeUrls: true, host: 'https://r.example', trustedProxies: ['127.0.0.1'] };
    expect(await locationOf(config, PROXY)).toBe(PATH);
  });

  it('is guessed from the request with relativeurls: false', async () => {
    expect(await locationOf({ relativeUrls: false }, PROXY)).toBe(`http://here.example:5000${PATH}`);
    expect(await locationOf({ relativeUrls: false }, { host: 'a b' })).toBe(PATH);
  });
});

describe('the client', () => {
  it('is the peer, unless that is a trusted proxy', async () => {
    expect((await locate({}, PROXY)).client).toMatch(/^127\.0\.0\.1:\d+$/);
    expect((await locate({ trustedProxies: ['127.0.0.1'] }, PROXY)).client).toBe('203.0.113.9');
  });

  it('on a unix socket is a proxy only when configured', async () => {
    await using directory = await temporaryDirectory();
    const socketPath = join(directory.path, 'socket');
    for (const [trustedProxies, name] of [
      [[], 'unix'],
      [['unix'], '203.0.113.9'],
    ] as const) {
      const clients = new Clients(new TrustedProxies(trustedProxies));
      const server = createServer((req, res) => res.end(clients.of(req).name)).listen(socketPath);
      await once(server, 'listening');
      const asking = request({ socketPath, headers: PROXY, agent: false }).end();
      const [response] = (await once(asking, 'response')) as [IncomingMessage];
      expect(await text(response)).toBe(name);
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  });

  it('is named in the access log', async () => {
    await using layover = await Layover.start({ config: { http: { trustedproxies: ['127.0.0.1'] } } });
    await ask(`${layover.url}/v2/`, { headers: { 'x-forwarded-for': '203.0.113.9' } });
    const [line] = await layover.waitForOutput(/http\.request\.remoteaddr=.*/);
    expect(line).toContain('remoteaddr=203.0.113.9 ');
  });
});
