import { describe, expect, it } from 'vitest';

import { parseForwarded } from '../../../src/http/client/forwarded.ts';
import { TrustedProxies } from '../../../src/http/client/trusted-proxies.ts';
import { cpuTimeOf } from '../../support/cpu-time.ts';

const proxies = new TrustedProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8']);

describe('a Forwarded header', () => {
  it.each([
    ['for=192.0.2.60;proto=http;by=203.0.113.43', [{ for: '192.0.2.60', proto: 'http', by: '203.0.113.43' }]],
    ['For="[2001:db8:cafe::17]:4711"', [{ for: '[2001:db8:cafe::17]:4711' }]],
    ['for=192.0.2.43, for=198.51.100.17', [{ for: '192.0.2.43' }, { for: '198.51.100.17' }]],
    ['for="_gaze\\"z"; host=a.example:8443 ;proto=https', [{ for: '_gaze"z', host: 'a.example:8443', proto: 'https' }]],
    ['for=192.0.2.43:4711', [{ for: '192.0.2.43:4711' }]],
    ['', [{}]],
  ])('is parsed like in RFC 7239: %s', (header, hops) => {
    expect(parseForwarded(header)).toEqual(hops);
  });

  it.each(['for', 'for="open', 'for=a b', '=x', 'for="a"b'])('that is malformed is ignored: %s', (header) => {
    expect(parseForwarded(header)).toBeUndefined();
  });

  it('is parsed in linear time', async () => {
    const parsing = () => {
      for (let i = 0; i < 20; i++) expect(parseForwarded(`for=a;${' '.repeat(16_000)}@`)).toBeUndefined();
    };
    expect(await cpuTimeOf(parsing)).toBeLessThan(500);
  });
});

describe('the headers of trusted proxies', () => {
  it.each([
    ['the one entry', '203.0.113.9', '203.0.113.9'],
    ['the entry of the nearest proxy, not that of a client', '1.1.1.1, 203.0.113.9', '203.0.113.9'],
    ['before other trusted proxies', '1.1.1.1, 203.0.113.9, 10.0.0.2,192.0.2.7', '203.0.113.9'],
    ['with a port', '203.0.113.9:1234', '203.0.113.9'],
    ['an IPv6 address with a port', '[2001:db8::9]:1234', '2001:db8::9'],
    ['the first entry when all are trusted', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ])('name the client: %s', (_what, header, address) => {
    expect(proxies.read({ 'x-forwarded-for': header }).address).toBe(address);
    const elements = header.split(',').map((node) => `for="${node.trim()}"`);
    expect(proxies.read({ forwarded: elements.join(',') }).address).toBe(address);
  });

  it('are ignored when they contain no address', () => {
    expect(proxies.read({ forwarded: 'for=_hidden' }).address).toBeUndefined();
    expect(proxies.read({ 'x-forwarded-for': 'unknown' }).address).toBeUndefined();
  });

  it('are ignored when the two kinds of header disagree', () => {
    const told = proxies.read({
      forwarded: 'for=1.1.1.1;host=evil.example;proto=https',
      'x-forwarded-for': '203.0.113.9',
    });
    expect(told).toEqual({});
  });

  it('give scheme and host from the proxy next to the client', () => {
    const forwarded =
      'for=1.1.1.1;host=evil.example, for=203.0.113.9;proto=https;host=r.example, for=10.0.0.2;proto=http;host=inner:5000';
    expect(proxies.read({ forwarded })).toEqual({ address: '203.0.113.9', scheme: 'https', host: 'r.example' });
    const classic = proxies.read({
      'x-forwarded-for': '1.1.1.1, 203.0.113.9, 10.0.0.2',
      'x-forwarded-proto': 'HTTPS',
      'x-forwarded-host': 'evil.example, r.example, inner:5000',
    });
    expect(classic).toEqual({ address: '203.0.113.9', scheme: 'https', host: 'r.example' });
  });

  it('are Forwarded before X-Forwarded-*', () => {
    const told = proxies.read({
      forwarded: 'proto=https',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'r.example:8443',
    });
    expect(told).toEqual({ address: undefined, scheme: 'https', host: 'r.example:8443' });
  });

  it.each(['javascript', 'ftp', ''])('must have a scheme of HTTP: %s', (scheme) => {
    expect(proxies.read({ 'x-forwarded-proto': scheme }).scheme).toBeUndefined();
  });

  it.each(['a b', 'r.example/path', 'user@r.example', 'r.example:port'])('must have a valid host: %s', (host) => {
    expect(proxies.read({ 'x-forwarded-host': host }).host).toBeUndefined();
  });

  it('are followed only up to a limit', () => {
    const address = proxies.read({ 'x-forwarded-for': Array.from({ length: 9000 }, () => '10.0.0.1').join() }).address;
    expect(address).toBe('10.0.0.1');
  });
});

it('trusts no proxy unless configured', () => {
  const nobody = new TrustedProxies([]);
  expect([nobody.trusts('127.0.0.1'), nobody.trusts('10.0.0.1'), nobody.trusts(undefined)]).toEqual([
    false,
    false,
    false,
  ]);
  expect(new TrustedProxies(['unix']).trusts(undefined)).toBe(true);
});
