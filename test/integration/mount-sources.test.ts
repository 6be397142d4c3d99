import { expect, it } from 'vitest';

import { ask } from '../http/v2/ask.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import { sharedHub } from './scene.ts';

const images = new Images();
const app = images.addImage('library/app', '1');
const [layer = app.config] = app.layers;
const hub = sharedHub(images);

const config = (deny: readonly string[]) => ({
  proxy: { upstreams: [{ ...dockerHubUpstream(hub()), deny }], hosted: ['mine/**'] },
});

it('a hosted repository mounts cached content by every name of it, until the upstream denies that name', async () => {
  await using layover = await Layover.start({ config: config([]) });
  expect((await ask(`${layover.url}/v2/app/blobs/${layer}`)).status).toBe(200);
  await layover.settled();
  const mount = async (into: string, from?: string) => {
    const source = from === undefined ? '' : `&from=${from}`;
    const target = `${layover.url}/v2/mine/${into}`;
    const mounted = await ask(`${target}/blobs/uploads/?mount=${layer}${source}`, { method: 'POST' });
    return [mounted.status, (await ask(`${target}/blobs/${layer}`)).status];
  };
  const names = ['app', 'library/app', 'docker.io/app', 'docker.io/library/app', 'index.docker.io/app'];
  for (const [i, name] of names.entries()) expect(await mount(`open-${i}`, name), name).toEqual([201, 200]);
  await layover.restart(config(['library/app']));
  for (const [i, name] of names.entries()) expect(await mount(`denied-${i}`, name), name).toEqual([202, 404]);
});

it.each(['%00', '..%2F..%2Fetc', 'Team/App', 'a'.repeat(300)])(
  'a mount from %s, which is no name, starts an upload',
  async (name) => {
    await using layover = await Layover.start({ config: config([]) });
    const uploads = `${layover.url}/v2/mine/app/blobs/uploads/`;
    const started = await ask(`${uploads}?mount=${layer}&from=${name}`, { method: 'POST' });
    expect(started.status).toBe(202);
    expect((await ask(`${layover.url}/v2/mine/app/blobs/${layer}`)).status).toBe(404);
  },
);
