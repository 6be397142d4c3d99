import { expect, it } from 'vitest';

import { RemoteControl } from '../../../src/admin/remote-control.ts';
import { sharedHub } from '../../integration/scene.ts';
import { images, RawConnection, startWithWorkers } from './scene.ts';

const hub = sharedHub(images);
const MANIFEST = '/v2/library/app/manifests/1';
const REQUESTS = 150;

it('requests that workers serve are counted and shown like those of the main process', async () => {
  await using layover = await startWithWorkers(hub());
  await using connection = new RawConnection(layover.port);
  for (let i = 0; i < REQUESTS; i++) await connection.request('GET', MANIFEST, { 'User-Agent': 'podman/5' });
  const control = new RemoteControl({ url: `unix:${layover.dataDirectory}/layover/admin.sock` });
  const counted = async () => (await control.clients()).clients[0]?.requests;
  await expect.poll(counted).toBe(REQUESTS);
  const { clients } = await control.clients();
  expect(clients).toMatchObject([
    { client: '127.0.0.1', agent: 'podman/5', namedBy: { default: REQUESTS }, pulls: REQUESTS, hits: REQUESTS - 1 },
  ]);
  const { requests } = await control.requests({ limit: 500 });
  expect(requests.length).toBeGreaterThan(100);
  expect(requests.every(({ repository, status }) => repository === 'library/app' && status === 200)).toBe(true);
  expect((await control.status()).ratio.h1).toBeCloseTo((REQUESTS - 1) / REQUESTS);
});
