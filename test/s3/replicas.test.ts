import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Digest } from '../../src/oci/digest.ts';
import { sharedHub } from '../integration/scene.ts';
import { findFiller, isGood, pullAndCompare, startReplicas } from '../replicas/replica-scene.ts';
import { startBalancer } from '../support/balancer.ts';
import { readVisibleBlobs } from '../support/data-directory.ts';
import { Images } from '../support/images.ts';
import { missingPrograms } from '../support/programs.ts';
import { RedisServer, until } from '../support/redis.ts';
import { sharedS3, versitygw } from './s3-scene.ts';
import { ACCESS_KEY, BUCKET, SECRET_KEY } from './versitygw.ts';

const MIB = 2 ** 20;
const CLIENTS = 200;
const missing = await missingPrograms(['redis-server']);
if (missing.length > 0) console.warn('redis-server is missing: the tests of replicas over S3 are skipped');

const images = new Images();
const image = images.addImage('library/app', '1', { layers: [32 * MIB] });
const digest = image.layers[1] as Digest;
const path = `/v2/library/app/blobs/${digest}`;

/** What a replica said of what went wrong. */
function complaints(output: string): string {
  return output
    .split('\n')
    .filter((line) => /level=(warning|error)|499/.test(line))
    .slice(0, 20)
    .join('\n');
}

describe.skipIf(missing.length > 0 || versitygw === undefined)(
  'three replicas, one bucket, one Redis, one balancer',
  () => {
    const hub = sharedHub(images, { challenge: 'none', redirectBlobs: false });
    const s3 = sharedS3();
    let redis: RedisServer;
    let expected: Buffer;
    beforeAll(async () => {
      redis = await RedisServer.start();
      expected = Buffer.concat([...(images.blobs.get(digest)?.read() ?? [])]);
    });
    afterAll(() => redis[Symbol.asyncDispose]());

    async function start() {
      hub().requests.reset();
      await rm(join(s3().bucketDirectory, 'docker'), { recursive: true, force: true });
      const options = {
        bucket: BUCKET,
        accesskey: ACCESS_KEY,
        secretkey: SECRET_KEY,
        region: 'us-east-1',
        regionendpoint: s3().url,
      };
      const storage = { filesystem: undefined, s3: options, redirect: { disable: true } };
      return startReplicas({ hub: hub(), redis: redis.address, storage });
    }

    it(`fetch a cold 32 MiB blob once for ${CLIENTS} clients`, { timeout: 400_000 }, async () => {
      await using scene = await start();
      await using balancer = await startBalancer(scene.replicas.map(({ port }) => port));
      const pulls = Array.from({ length: CLIENTS }, () => pullAndCompare(balancer.url + path, expected));
      const pulled = await Promise.all(pulls);
      const failed = pulled.filter((result) => !isGood(result));
      expect(failed, scene.replicas.map(({ output }) => complaints(output)).join('\n')).toEqual([]);
      expect(hub().requests.count('blob-get')).toBe(1);
      expect(hub().requests.bytes('blob-get')).toBe(expected.length);
      await until(async () => (await readVisibleBlobs(s3().bucketDirectory)).length === 1);
      expect(await readVisibleBlobs(s3().bucketDirectory)).toMatchObject([{ digest, intact: true }]);
    });

    it('lose one in the middle, and no client gets a wrong or short answer for a good one', {
      timeout: 400_000,
    }, async () => {
      await using scene = await start();
      await using balancer = await startBalancer(scene.replicas.map(({ port }) => port));
      const undo = hub().faults.throttle(2 * MIB, { on: 'blob-get' });
      let received = 0;
      const pulls = Array.from({ length: CLIENTS }, () =>
        pullAndCompare(balancer.url + path, expected, (bytes) => (received += bytes)),
      );
      await until(() => received > CLIENTS * 12 * MIB, { timeoutMs: 200_000 });
      const killed = await findFiller(scene.replicas, redis.admin);
      expect(killed).toBeDefined();
      await killed?.kill('SIGKILL');
      const pulled = await Promise.all(pulls);
      undo();

      expect(pulled.filter(({ isRight }) => !isRight)).toEqual([]);
      // A third of the clients was at the replica that died; their connections broke.
      expect(pulled.filter(({ isComplete }) => isComplete).length).toBeGreaterThanOrEqual(
        Math.floor((CLIENTS * 2) / 3),
      );
      expect(hub().requests.count('blob-get')).toBeLessThanOrEqual(2);
      expect(hub().requests.bytes('blob-get')).toBeLessThanOrEqual(expected.length * 1.3);
      await until(async () => (await readVisibleBlobs(s3().bucketDirectory)).length === 1);
      expect(await readVisibleBlobs(s3().bucketDirectory)).toMatchObject([{ digest, intact: true }]);
    });
  },
);
