import { describe, expect, it } from 'vitest';

import type { FinishedRequest } from '../../src/http/v2/request-events.ts';
import { Activity } from '../../src/monitoring/activity.ts';

const PULL: FinishedRequest = {
  requestId: '1',
  client: '192.0.2.1:4711',
  address: '192.0.2.1',
  method: 'GET',
  url: '/v2/library/app/manifests/1',
  handler: 'manifest',
  repository: 'library/app',
  reference: '1',
  namedBy: 'ns',
  status: 200,
  bytes: 10,
  durationMs: 1,
  outcome: 'HIT',
  aborted: false,
};
const create = (requests = 4, clients = 3) => new Activity({ requests, clients });
const idsOf = (activity: Activity) => [...activity.newest()].map(({ id }) => id);

describe('the last requests', () => {
  it('are the newest ones, in their order', () => {
    const activity = create();
    for (let at = 1; at <= 6; at++) activity.record(PULL, at);
    expect([...activity.newest()].map(({ at }) => at)).toEqual([6, 5, 4, 3]);
    expect([...activity.newest(4)].map(({ id }) => id)).toEqual([3, 2]);
    expect([...activity.newest(1)]).toEqual([]);
  });

  it('keep no more than a part of long texts', () => {
    const activity = create();
    const long = 'x'.repeat(10_000);
    activity.record({ ...PULL, url: long, userAgent: long, error: { code: 'DENIED', message: long } }, 1);
    const [seen] = [...activity.newest()];
    expect(JSON.stringify(seen).length).toBeLessThan(1_000);
    expect(seen?.request.userAgent).toHaveLength(256);
  });
});

describe('clients', () => {
  it('are counted once for each request, however often they are read', () => {
    const activity = create();
    for (let i = 0; i < 10; i++) {
      activity.record({ ...PULL, address: i % 2 === 0 ? 'a' : 'b', userAgent: `agent/${i}` }, i);
      activity.topClients();
    }
    activity.record({ ...PULL, address: 'a', handler: 'ping' }, 20);
    activity.record({ ...PULL, address: 'a', status: 404, outcome: 'MISS' }, 21);
    activity.record({ ...PULL, address: undefined }, 22);
    expect(activity.topClients()).toMatchObject([
      { client: 'a', requests: 7, pulls: 5, hits: 5, pings: 1, errors: 1, overcount: 0, firstAt: 0, lastAt: 21 },
      { client: 'b', requests: 5, agent: 'agent/9', bytes: 50, namedBy: { ns: 5 } },
    ]);
  });

  it('have a bounded number, and no frequent one is missing', () => {
    const activity = create(100, 3);
    for (let i = 0; i < 1_000; i++) {
      activity.record({ ...PULL, address: 'frequent' }, i);
      activity.record({ ...PULL, address: `rare-${i}` }, i);
    }
    const clients = activity.topClients();
    expect(clients).toHaveLength(3);
    expect(clients[0]).toMatchObject({ client: 'frequent', requests: 1_000, overcount: 0 });
    for (const { requests, overcount } of clients.slice(1)) expect(requests - overcount).toBe(1);
    expect(clients[1]?.requests).toBeLessThan(1_000);
  });

  it('with a name are not those with an address of the same text', () => {
    const activity = create();
    activity.record({ ...PULL, user: '192.0.2.1' }, 1);
    activity.record(PULL, 2);
    expect(activity.topClients()).toMatchObject([{ isUser: true }, { isUser: false }]);
  });

  it('of another process are added', () => {
    const [worker, main] = [create(2), create()];
    for (let at = 1; at <= 3; at++) worker.record({ ...PULL, userAgent: 'podman' }, at);
    main.record(PULL, 4);
    main.merge(worker.take());
    main.merge(worker.take());
    expect(main.topClients()).toMatchObject([{ client: '192.0.2.1', requests: 4, hits: 4, firstAt: 1, lastAt: 4 }]);
    expect(idsOf(main)).toEqual([2, 1, 0]);
    expect(idsOf(worker)).toEqual([]);
    expect([...main.newest()][0]?.request).not.toHaveProperty('url');
  });
});
