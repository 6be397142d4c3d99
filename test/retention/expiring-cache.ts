import { expect } from 'vitest';

import type { Digest } from '../../src/oci/digest.ts';
import { pull, type Pulled } from '../integration/pulling.ts';
import { cacheConfig } from '../integration/scene.ts';
import type { Hub } from '../support/hub.ts';
import { type ConfigObject, Layover, type LayoverOptions } from '../support/layover.ts';

export interface ExpiringOptions extends Omit<LayoverOptions, 'config'> {
  /** More for `proxy`. */
  readonly proxy?: ConfigObject;
  /** More for `storage`. */
  readonly storage?: ConfigObject;
  /** More at the top. */
  readonly more?: ConfigObject;
}

/** A cache whose content comes and goes before the eyes of a test. */
export function startExpiringCache(hub: Pick<Hub, 'url'>, options: ExpiringOptions = {}): Promise<Layover> {
  const { proxy = {}, storage = {}, more = {}, ...rest } = options;
  return Layover.start({ ...rest, config: expiringConfig(hub, { proxy, storage, more }) });
}

function expiringConfig(hub: Pick<Hub, 'url'>, { proxy = {}, storage = {}, more = {} }: ExpiringOptions): ConfigObject {
  // Tags stay fresh, so that only content is requested from the upstream.
  const upstream = { tags: { ttl: '1h' } };
  return { ...cacheConfig(hub, { upstream, proxy }), storage, http: { debug: METRICS }, ...more };
}

const METRICS = { addr: '127.0.0.1:0', prometheus: { enabled: true } };

/** Pulls a manifest with all that it names, as a client with nothing does. */
export async function pullImage(
  layover: Pick<Layover, 'url'>,
  repository: string,
  { tag, layers }: { readonly tag: string; readonly layers: readonly Digest[] },
): Promise<void> {
  expect(await pull(`${layover.url}/v2/${repository}/manifests/${tag}`)).toMatchObject({ status: 200, complete: true });
  for (const digest of layers)
    expect(await pullBlob(layover, repository, digest)).toMatchObject({ complete: true, digest });
}

export function pullBlob(layover: Pick<Layover, 'url'>, repository: string, digest: Digest): Promise<Pulled> {
  return pull(`${layover.url}/v2/${repository}/blobs/${digest}`);
}

/** Which of these are stored. */
export async function storedOf(layover: Layover, digests: readonly Digest[]): Promise<readonly Digest[]> {
  const visible = new Set((await layover.visibleBlobs()).map(({ digest }) => digest));
  return digests.filter((digest) => visible.has(digest));
}

/** The value of a metric without labels, or the sum over all labels. */
export async function metric(layover: Layover, name: string): Promise<number> {
  const text = await (await fetch(`${layover.debugUrl}/metrics`)).text();
  const samples = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))];
  return samples.reduce((sum, [, value]) => sum + Number(value), 0);
}
