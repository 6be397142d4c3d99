import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { seededContent } from '../support/content.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { pull } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';
import { expectNothingBroken, expectStored } from './stored-data.ts';

const ROUNDS = 15;
const CLIENTS = 12;
const NAMES = ['library/one', 'library/two', 'team/three'];

const images = new Images();
/** Path below `/v2/` of everything there is, and the digest of what must come. */
const content = new Map<string, string>();
for (const name of NAMES) {
  for (let i = 0; i < 50; i++) {
    const { digest } = images.addBlob(name, seededContent(`${name}/${i}`, 1_000 + 9_973 * i));
    content.set(`${name}/blobs/${digest}`, digest);
  }
  for (let i = 0; i < 15; i++) {
    const { digest } = images.addImage(name, `v${i}`);
    content.set(`${name}/manifests/v${i}`, digest);
    content.set(`${name}/manifests/${digest}`, digest);
  }
}
const paths = [...content.keys()];
const hub = sharedHub(images);

/** Pulls one thing after the other until the process is gone. @returns answers that broke off, or were wrong */
async function pullUntilKilled(layover: Layover, killed: AbortSignal) {
  let brokenOff = 0;
  while (!killed.aborted) {
    const path = paths[Math.floor(Math.random() * paths.length)] ?? '';
    const pulled = await pull(`${layover.url}/v2/${path}`).catch(() => undefined); // nobody listens any more
    if (pulled?.complete) expect(pulled).toMatchObject({ status: 200, digest: content.get(path) });
    else brokenOff++;
  }
  return brokenOff;
}

it(`leaves nothing broken on disk when it is killed ${ROUNDS} times under load`, { timeout: 300_000 }, async () => {
  // Tags are stale at once, so that their links are written all the time.
  await using layover = await startCache(hub(), { ownProcess: true, upstream: { tags: { ttl: '0s', rules: [] } } });
  // So slow that there is always something under way.
  hub().faults.throttle(2_000_000, { on: 'cdn-get' });
  let brokenOff = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const killed = new AbortController();
    const clients = Array.from({ length: CLIENTS }, () => pullUntilKilled(layover, killed.signal));
    await delay(30 + Math.random() * 300);
    expect(await layover.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    killed.abort();
    for (const count of await Promise.all(clients)) brokenOff += count;
    await expectNothingBroken(layover);
    await layover.restart();
  }
  expect(brokenOff).toBeGreaterThan(ROUNDS);

  hub().faults.clear();
  for (const [path, digest] of content) {
    expect(await pull(`${layover.url}/v2/${path}`), path).toMatchObject({ status: 200, complete: true, digest });
  }
  await expectStored(layover, [...content.values()]);
});
