import { describe, expect, it } from 'vitest';

import { Breakers } from '../../src/upstream/breakers.ts';
import type { UpstreamEvents } from '../../src/upstream/upstream.ts';

function setUp() {
  const changed: { host: string; isConfigured: boolean }[] = [];
  const events = {
    breakerChanged: ({ host, isConfigured }: { host: string; isConfigured: boolean }) =>
      changed.push({ host, isConfigured }),
  } as unknown as UpstreamEvents;
  const breakers = new Breakers({ upstream: 'up', hosts: ['registry.example'], events, now: () => 1_000 });
  const fail = (host: string) => {
    for (let i = 0; i < 3; i++) breakers.enter(host).fail('network');
  };
  const isOpen = (host: string) => breakers.status(host).breaker === 'open';
  return { breakers, changed, fail, isOpen };
}

describe('breakers of hosts that a registry leads to', () => {
  it('are kept for the last few hundred, and for the registry itself in any case', () => {
    const { fail, isOpen } = setUp();
    fail('registry.example');
    const hosts = Array.from({ length: 2_000 }, (_, i) => `cdn${i}.example`);
    hosts.forEach(fail);
    expect(hosts.filter(isOpen)).toEqual(hosts.slice(-256));
    expect(isOpen('registry.example')).toBe(true);
  });

  it('report that their host is not configured', () => {
    const { changed, fail } = setUp();
    fail('registry.example');
    fail('cdn.example');
    expect(changed).toEqual([
      { host: 'registry.example', isConfigured: true },
      { host: 'cdn.example', isConfigured: false },
    ]);
  });

  it('that were forgotten meanwhile accept the result of a request in progress', () => {
    const { breakers, fail, isOpen } = setUp();
    const permit = breakers.enter('slow.example');
    for (let i = 0; i < 300; i++) fail(`cdn${i}.example`);
    fail('slow.example');
    permit.succeed();
    expect(isOpen('slow.example')).toBe(true);
  });
});
