import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { SIGNERS, type Signer } from '../signatures/material.ts';
import type { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { blobUrl, manifestUrl, statusOf } from './admission-scene.ts';
import { CLIENTS, startPrivateCache, startPrivateHub } from './private-scene.ts';
import { signByReferrer, signByTag } from './signed-images.ts';

const signer = (SIGNERS['EC P-256'] as () => Signer)();
const images = new Images();
const byTag = images.addImage('acme/app', 'tagged', { seed: 'tagged' });
const byReferrer = images.addImage('acme/app', 'referred', { seed: 'referred' });
const unsigned = images.addImage('acme/app', 'unsigned', { seed: 'unsigned' });
signByTag(images, 'acme/app', byTag, signer);
signByReferrer(images, 'acme/app', byReferrer, signer);

let hub: Hub;
let keys: TemporaryDirectory;
beforeAll(async () => {
  hub = await startPrivateHub(images);
  keys = await temporaryDirectory();
  await writeFile(join(keys.path, 'acme.pub'), signer.pem);
});
afterAll(async () => {
  await hub[Symbol.asyncDispose]();
  await keys[Symbol.asyncDispose]();
});

const start = () =>
  startPrivateCache(hub, {
    config: {
      policy: {
        admission: {
          authorities: [{ name: 'acme', keys: [join(keys.path, 'acme.pub')] }],
          rules: [{ images: ['docker.io/acme/**'], signedby: ['acme'] }],
        },
      },
    },
  });

describe('signatures of private images', () => {
  it('are fetched with the account of the client', async () => {
    await using layover = await start();
    const statuses = async (client: keyof typeof CLIENTS, urls: readonly string[]) => {
      const found: number[] = [];
      for (const url of urls) found.push(await statusOf(url, { headers: { ...CLIENTS[client] } }));
      return found;
    };
    const signed = urlsOf(layover, byTag, 'tagged');
    expect(await statuses('alice', signed)).toEqual([200, 200, 200]);
    expect(await statuses('alice', urlsOf(layover, byReferrer, 'referred'))).toEqual([200, 200, 200]);
    expect(await statuses('alice', [`${layover.url}/v2/acme/app/referrers/${byReferrer.digest}`])).toEqual([200]);
    expect(await statuses('alice', urlsOf(layover, unsigned, 'unsigned'))).toEqual([403, 403, 403]);
    expect(await statuses('bob', signed)).toEqual([404, 404, 404]);
  });
});

function urlsOf(layover: Layover, image: typeof byTag, tag: string): readonly string[] {
  const name = 'acme/app';
  return [
    manifestUrl(layover, name, tag),
    manifestUrl(layover, name, image.digest),
    blobUrl(layover, name, image.config),
  ];
}
