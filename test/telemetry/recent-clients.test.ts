import { expect, it } from 'vitest';

import { RecentClients } from '../../src/telemetry/recent-clients.ts';

const MINUTE = 60_000;

function setUp() {
  const clock = { now: 0 };
  return { clock, clients: new RecentClients(() => clock.now) };
}

it('counts an address once', () => {
  const { clients } = setUp();
  for (const client of ['10.0.0.1', '10.0.0.1', '10.0.0.2', '::1', '::2']) clients.saw(client);
  expect(clients.count()).toBe(4);
});

it.each([
  [4 * MINUTE, 1],
  [9 * MINUTE, 1],
  [20 * MINUTE, 0],
])('counts a client that was silent for %i ms as %i', (silence, count) => {
  const { clock, clients } = setUp();
  clients.saw('10.0.0.1');
  clock.now += silence;
  expect(clients.count()).toBe(count);
});

it('forgets a client that does not return while others do', () => {
  const { clock, clients } = setUp();
  clients.saw('10.0.0.1');
  for (let minute = 0; minute < 12; minute++) {
    clock.now += MINUTE;
    clients.saw('10.0.0.2');
  }
  expect(clients.count()).toBe(1);
});

it('keeps a limited number of addresses', () => {
  const { clients } = setUp();
  for (let index = 0; index < 30_000; index++) clients.saw(`2001:db8::${index.toString(16)}`);
  expect(clients.count()).toBe(10_000);
});
