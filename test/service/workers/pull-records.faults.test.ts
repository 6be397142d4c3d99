import { expect, it } from 'vitest';

import { recordedPulls } from '../../audit/recorded-pulls.ts';
import { sharedHub } from '../../integration/scene.ts';
import { image, images, RawConnection, smallBlob, startWithWorkers } from './scene.ts';

const hub = sharedHub(images);
const APP = '/v2/library/app';
const AGENT = { 'User-Agent': 'containerd/v1.7.2' };

it('pulls that workers serve are recorded like those of the main process', async () => {
  await using layover = await startWithWorkers(hub(), { config: { audit: { addresses: 'network' } } });
  await using connection = new RawConnection(layover.port);
  for (let i = 0; i < 20; i++) {
    await connection.request('GET', `${APP}/manifests/1`, AGENT);
    await connection.request('GET', `${APP}/blobs/${smallBlob.digest}`, AGENT);
    await connection.request('HEAD', `${APP}/manifests/1`, AGENT);
  }
  const counts = async () => {
    const records = await recordedPulls(layover);
    const sum = (kind: string, field: 'count' | 'bytes') =>
      records.filter((record) => record.kind === kind).reduce((total, record) => total + record[field], 0);
    return { pulls: sum('pull', 'count'), checks: sum('check', 'count'), blobs: sum('blobs', 'bytes') };
  };
  await expect.poll(counts).toEqual({ pulls: 20, checks: 20, blobs: 20 * 3000 });
  for (const record of await recordedPulls(layover)) {
    expect(record).toMatchObject({
      repository: 'docker.io/library/app',
      requestedAs: 'library/app',
      upstream: 'docker.io',
      address: '127.0.0.0/24',
      userAgent: 'containerd/v1.7.2',
    });
    if (record.kind !== 'blobs') expect(record).toMatchObject({ digest: image.digest, reference: '1' });
  }
});

it('what workers served until the service was stopped is recorded', async () => {
  await using layover = await startWithWorkers(hub());
  await using connection = new RawConnection(layover.port);
  for (let i = 0; i < 50; i++) await connection.request('GET', `${APP}/manifests/1`, AGENT);
  await layover.kill('SIGTERM');
  await layover.restart();
  await expect.poll(async () => (await recordedPulls(layover)).reduce((sum, { count }) => sum + count, 0)).toBe(50);
});

it('workers record nothing with audit.keep off', async () => {
  await using layover = await startWithWorkers(hub(), { config: { audit: { keep: 'off' } } });
  await using connection = new RawConnection(layover.port);
  for (let i = 0; i < 5; i++) {
    expect(await connection.request('GET', `${APP}/manifests/1`, AGENT)).toMatchObject({ status: 200 });
  }
  await expect(recordedPulls(layover)).rejects.toThrow('audit.keep is off');
});
