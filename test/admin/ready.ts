import { expect } from 'vitest';

import { type CacheOptions, startCache } from '../integration/scene.ts';
import type { Hub } from '../support/hub.ts';
import type { Layover } from '../support/layover.ts';

/** A cache whose first checks have passed. */
export async function startReady(hub: Hub, options?: CacheOptions): Promise<Layover> {
  const layover = await startCache(hub, options);
  await untilReady(layover);
  return layover;
}

export async function untilReady({ url }: Layover): Promise<void> {
  await expect.poll(async () => (await fetch(`${url}/readyz`)).status).toBe(200);
}
