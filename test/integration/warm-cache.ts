import { expect } from 'vitest';

import { seededContent } from '../support/content.ts';
import type { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import type { ConfigObject, Layover } from '../support/layover.ts';
import { type Pulled, pull } from './pulling.ts';
import { type CacheOptions, startCache } from './scene.ts';
import { expectStored } from './stored-data.ts';

export const NAME = 'library/app';
export const images = new Images();
/** In the cache, by the tags `fresh` and `stale`. */
export const image = images.addImage(NAME, 'fresh');
export const warmBlob = images.addBlob(NAME, seededContent('warm', 200_000));
/** At the upstream only, by the tag `other`. */
export const other = images.addImage(NAME, 'other');
export const coldBlob = images.addBlob(NAME, seededContent('cold', 200_000));

/** So short that a failing upstream does not take the test's time. */
const TIMEOUTS = { connect: '500ms', headers: '500ms', idle: '500ms' };

export interface WarmOptions extends CacheOptions {
  readonly timeouts?: ConfigObject;
  /** More for `tags`. */
  readonly tags?: ConfigObject;
}

/** A cache with a manifest by a tag that stays fresh and by one that is stale at once, and a blob. */
export async function startWarmCache(
  hub: Hub,
  { timeouts = TIMEOUTS, tags = {}, ...options }: WarmOptions = {},
): Promise<Layover> {
  hub.setTag(NAME, 'stale', image.digest);
  const policy = { ttl: '0s', rules: [{ match: '^fresh$', ttl: '1h' }], ...tags };
  const layover = await startCache(hub, { ...options, upstream: { timeouts, tags: policy, ...options.upstream } });
  for (const path of ['manifests/fresh', 'manifests/stale', `blobs/${warmBlob.digest}`]) {
    expect(await pull(`${layover.url}/v2/${NAME}/${path}`)).toMatchObject({ status: 200, complete: true });
  }
  await expectStored(layover, [image.digest, warmBlob.digest]);
  await layover.settled();
  hub.requests.reset();
  return layover;
}

/** What matters of an answer with content. */
export const seen = ({ status, digest, headers }: Pulled) => ({ status, digest, cache: headers['x-cache'] });

export async function timed(url: string): Promise<{ readonly pulled: Pulled; readonly ms: number }> {
  const startedAt = performance.now();
  const pulled = await pull(url);
  return { pulled, ms: performance.now() - startedAt };
}
