import { expect, it } from 'vitest';

import { pull } from '../integration/pulling.ts';
import { cacheConfig, sharedHub } from '../integration/scene.ts';
import { missing } from '../redis/redis-under-test.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { RedisServer } from '../support/redis.ts';

const NAME = 'library/app';
const images = new Images();
const many = Array.from({ length: 20 }, (_, i) => images.addImage(NAME, `many-${i}`));
const hub = sharedHub(images);

if (missing) console.warn(`${missing}: the test of replicas that share a limit is skipped`);

it.skipIf(missing)('replicas with one Redis spend a limit once, and go on without it', async () => {
  await using server = await RedisServer.start();
  Object.assign(hub().rateLimit, { enforced: true, remaining: 6 });
  const upstream = { budget: { fairshare: '100%', scarce: 0, reserve: 0 } };
  const config = { ...cacheConfig(hub(), { upstream }), redis: { addrs: [server.address], deadline: '5s' } };
  await using one = await Layover.start({ config });
  await using two = await Layover.start({ config });
  for (const each of [one, two]) await each.waitForOutput(/Redis available/);
  const pullFrom = (layover: Layover, reference: string) => pull(`${layover.url}/v2/${NAME}/manifests/${reference}`);
  await pull(`${one.url}/v2/${NAME}/manifests/many-0`, { method: 'HEAD' });
  await pull(`${two.url}/v2/${NAME}/manifests/many-0`, { method: 'HEAD' });
  const raced = await Promise.all(many.map(({ digest }, i) => pullFrom(i % 2 === 0 ? one : two, digest)));
  expect(raced.filter(({ status }) => status === 200)).toHaveLength(6);
  expect(
    hub()
      .requests.of('manifest-get')
      .filter(({ status }) => status === 429),
  ).toEqual([]);

  await server[Symbol.asyncDispose]();
  const [cached] = raced
    .map(({ status }, i) => ({ status, digest: many[i]?.digest, at: i % 2 === 0 ? one : two }))
    .filter(({ status }) => status === 200);
  expect((await pullFrom(cached?.at as Layover, cached?.digest as string)).status).toBe(200);
  const refused = await pullFrom(one, many.find((_, i) => i % 2 === 0 && raced[i]?.status === 429)?.digest as string);
  expect(refused.status).toBe(429);
});
