import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { listSpools, readVisibleBlobs } from './data-directory.ts';
import { blobDataPath, writeDistributionLayout } from './distribution-layout.ts';
import { Hub } from './hub.ts';
import { Images } from './images.ts';
import { dockerHubUpstream, Layover } from './layover.ts';
import { temporaryDirectory } from './temporary-directory.ts';

describe('the service', () => {
  it.each([
    ['in the process of the test', false, { code: 0, signal: null }],
    ['as a process', true, { code: null, signal: 'SIGKILL' }],
  ] as const)(
    '%s pulls from the hub, and has what it pulled after a restart on the same port',
    async (_how, ownProcess, exit) => {
      const images = new Images();
      const { config } = images.addImage('library/app', '1');
      await using hub = await Hub.start(images);
      await using layover = await Layover.start({
        ownProcess,
        config: { http: { debug: { addr: '127.0.0.1:0' } }, proxy: { upstreams: [dockerHubUpstream(hub)] } },
      });
      const url = `${layover.url}/v2/library/app/blobs/${config}`;
      const first = Buffer.from(await (await fetch(url)).arrayBuffer());
      expect(first).toEqual(Buffer.concat([...(images.blobs.get(config)?.read() ?? [])]));
      await layover.settled();
      expect(await layover.visibleBlobs()).toMatchObject([{ digest: config, size: first.length, intact: true }]);
      expect((await fetch(`${layover.debugUrl}/debug/health`)).status).toBe(200);
      expect(await layover.kill(exit.signal ?? 'SIGTERM')).toEqual(exit);
      await layover.restart();
      expect(Buffer.from(await (await fetch(url)).arrayBuffer())).toEqual(first);
      expect(hub.requests.counts()).toEqual({ unauthorized: 1, token: 1, 'blob-get': 1, 'cdn-get': 1 });
    },
  );

  it('has another process after a restart', async () => {
    await using layover = await Layover.startProcess();
    const { pid } = layover;
    await layover.restart();
    expect(layover.pid).not.toBe(pid);
  });

  it('that has no process cannot be killed', async () => {
    await using layover = await Layover.start();
    await expect(layover.kill('SIGKILL')).rejects.toThrow('SIGKILL needs Layover.startProcess');
  });

  it.each([false, true])('fails to start with its own message (as a process: %s)', async (ownProcess) => {
    const config = { http: { nonsense: true } };
    await expect(Layover.start({ ownProcess, config })).rejects.toThrow('nonsense');
  });
});

describe('a look into a data directory', () => {
  it('tells an intact blob from a damaged one', async () => {
    await using directory = await temporaryDirectory();
    const images = new Images();
    const image = images.addImage('library/app', '1', { layers: [5000] });
    await writeDistributionLayout(directory.path, images);
    await appendFile(blobDataPath(directory.path, image.config), 'x');
    const blobs = await readVisibleBlobs(directory.path);
    expect(blobs).toHaveLength(4);
    expect(blobs.filter(({ intact }) => !intact).map(({ digest }) => digest)).toEqual([image.config]);
  });

  it('lists the files of unfinished fills', async () => {
    await using directory = await temporaryDirectory();
    expect(await listSpools(directory.path)).toEqual([]);
    await mkdir(join(directory.path, 'layover/fills/a'), { recursive: true });
    await writeFile(join(directory.path, 'layover/fills/a/part'), 'half');
    expect(await listSpools(directory.path)).toMatchObject([{ name: 'a/part', size: 4 }]);
  });
});
