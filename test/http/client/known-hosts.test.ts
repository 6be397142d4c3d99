import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';

import { ForeignRequestError, refuseForeign } from '../../../src/http/client/foreign-requests.ts';
import { createHostCheck } from '../../../src/http/client/known-hosts.ts';

const requestOf = (headers: IncomingHttpHeaders) =>
  ({ headers, rawHeaders: Object.entries(headers).flat() }) as IncomingMessage;
const on = (host: string | undefined, hosts: readonly string[] = []) =>
  createHostCheck({ listen: { net: 'tcp', host, port: 5001 }, hosts });

describe('a Host header', () => {
  it.each([
    undefined,
    'localhost',
    'LocalHost:5001',
    'localhost.:1',
    'app.localhost:5001',
    '127.0.0.1',
    '127.8.9.10:9000',
    '[::1]:5001',
    '[::ffff:127.0.0.1]:5001',
  ])('that is loopback is accepted on every address: %s', (host) => {
    for (const listen of ['127.0.0.1', 'localhost', '::1', '0.0.0.0', '::', undefined]) {
      expect(on(listen)(host), listen).toBe(true);
    }
  });

  it.each([
    'evil.example',
    'evil.example:5001',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evil-localhost',
    'evil@localhost',
    'localhost:5001@evil.example',
    'localhost, evil.example',
    'localhost evil.example',
    '',
    ':5001',
    '[evil.example]',
    '127.1',
    '2130706433',
    '127.evil',
  ])('that may be a rebound name is refused: %s', (host) => {
    for (const listen of ['127.0.0.1', 'localhost', '0.0.0.0', undefined]) expect(on(listen)(host), listen).toBe(false);
  });

  it.each(['10.1.2.3:5001', '192.0.2.7', '[2001:db8::1]:5001', '[::ffff:10.0.0.1]'])(
    'that is an address, %s, is served where other machines can connect, and not on loopback',
    (host) => {
      expect([on(undefined)(host), on('0.0.0.0')(host), on('10.9.9.9')(host)]).toEqual([true, true, true]);
      expect([on('127.0.0.1')(host), on('::1')(host), on('localhost')(host)]).toEqual([false, false, false]);
    },
  );

  it('that is configured, or that the server listens on, is accepted with any port', () => {
    expect(on('Debug.Corp')('debug.corp:80')).toBe(true);
    const known = on('127.0.0.1', ['Cache.corp', '10.0.0.9', 'fd00::9']);
    expect(['cache.corp', 'CACHE.corp.:99', '10.0.0.9:1', '[fd00::9]:1'].map(known)).toEqual([true, true, true, true]);
    expect(['a.cache.corp', 'corp', '10.0.0.8', '[fd00::8]'].map(known)).toEqual([false, false, false, false]);
  });
});

describe('a request from a page', () => {
  const host = 'localhost:5001';
  it.each([
    {},
    { origin: 'http://localhost:5001' },
    { origin: 'https://LOCALHOST:5001', 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
  ])('of the same origin is accepted: %j', (headers) => {
    expect(() => refuseForeign(requestOf({ host, ...headers }), { isServed: true, key: 'k' })).not.toThrow();
  });

  it.each([
    { origin: 'http://evil.example' },
    { origin: 'http://localhost' },
    { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' },
    { origin: 'http://localhost:5001.evil.example' },
    { origin: 'null' },
    { origin: 'chrome-extension://localhost:5001' },
    { origin: '' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', origin: 'http://localhost:5001' },
  ])('of another origin is refused: %j', (headers) => {
    expect(() => refuseForeign(requestOf({ host, ...headers }), { isServed: true, key: 'k' })).toThrow(
      ForeignRequestError,
    );
  });

  it('with an unknown host is refused, with the key to add it to', () => {
    expect(() => refuseForeign(requestOf({ host: 'a.b' }), { isServed: false, key: 'admin.hosts' })).toThrow(
      'not served for Host "a.b" (add it to admin.hosts)',
    );
  });
});
