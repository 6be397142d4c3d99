import { afterAll, beforeAll, beforeEach } from 'vitest';

import { Hub } from '../support/hub.ts';
import type { HubOptions } from '../support/hub-state.ts';
import type { Images } from '../support/images.ts';
import { type ConfigObject, dockerHubUpstream, Layover, type LayoverOptions } from '../support/layover.ts';

/** One hub for all tests of a file. Each finds it in good health, with an empty log. Call the result inside a test. */
export function sharedHub(images: Images, options: HubOptions = {}): () => Hub {
  let hub: Hub | undefined;
  beforeAll(async () => {
    hub = await Hub.start(images, options);
  });
  beforeEach(async () => {
    hub?.faults.clear();
    await hub?.resume();
    hub?.requests.reset();
  });
  afterAll(() => hub?.[Symbol.asyncDispose]());
  return () => {
    if (hub === undefined) throw new Error('asked for before the test began');
    return hub;
  };
}

export interface CacheOptions extends Omit<LayoverOptions, 'config'> {
  /** More for the upstream. */
  readonly upstream?: ConfigObject;
  /** More for `proxy`. */
  readonly proxy?: ConfigObject;
  readonly http?: ConfigObject;
}

/** Layover before something that looks like Docker Hub. */
export function startCache(hub: Pick<Hub, 'url'>, options: CacheOptions = {}): Promise<Layover> {
  const { upstream, proxy, http, ...rest } = options;
  return Layover.start({
    ...rest,
    config: cacheConfig(hub, { ...(upstream && { upstream }), ...(proxy && { proxy }), ...(http && { http }) }),
  });
}

export function cacheConfig(
  hub: Pick<Hub, 'url'>,
  { upstream = {}, proxy = {}, http = {} }: CacheOptions,
): ConfigObject {
  return { proxy: { upstreams: [dockerHubUpstream(hub, upstream)], ...proxy }, http };
}
