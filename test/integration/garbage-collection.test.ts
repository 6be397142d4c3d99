import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';

import { imageOf, layer } from '../content/garbage/content-model.ts';
import { blobDataPath } from '../support/distribution-layout.ts';
import { type ConfigObject, Layover, type LayoverOptions } from '../support/layover.ts';
import { PushError, Pusher, type PushedImage } from '../support/push.ts';
import { runLayover } from '../support/run-layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const CONFIG = { storage: { delete: { enabled: true } }, http: { secret: 'shared by the two' } };
const first = imageOf('first', [layer('shared'), layer('first')]);
const second = imageOf('second', [layer('shared'), layer('second')]);

async function start(
  config: ConfigObject = CONFIG,
  options: Pick<LayoverOptions, 'dataDirectory' | 'ownProcess'> = {},
) {
  const layover = await Layover.start({ config, ...options });
  return { layover, pusher: new Pusher(layover.url) };
}

/** Runs the command with a configuration that names the same storage; the server is found by its socket. */
async function collect(rootdirectory: string, ...flags: string[]) {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'config.yml');
  await writeFile(file, stringify({ version: 0.1, storage: { filesystem: { rootdirectory } } }));
  return await runLayover(['garbage-collect', ...flags, file]);
}

const hasBytes = (layover: Layover, digest: string) =>
  layover.visibleBlobs().then((blobs) => blobs.some((blob) => blob.digest === digest));

describe('layover garbage-collect', () => {
  it('has a running server remove what a deleted image leaves behind, and says what that was', async () => {
    const { layover, pusher } = await start();
    await using _ = layover;
    await pusher.image('team/app', first, '1');
    await pusher.image('team/app', second, '2');
    await pusher.delete('team/app', first.digest);
    const { stdout, code } = await collect(layover.dataDirectory, '--grace', '0s');
    expect(code).toBe(0);
    expect(stdout).toContain(`link team/app@${layer('first').digest}`);
    expect(stdout).toContain(`blob ${first.digest}`);
    expect(stdout).toMatch(/0 manifests, 2 links and 3 blobs removed: \d/);
    expect(await hasBytes(layover, layer('first').digest)).toBe(false);
    await pusher.expectWhole('team/app', second, '2');
    await expect(pusher.expectWhole('team/app', first, '1')).rejects.toThrow('404');
    await layover.waitForOutput(/garbage removed.*links=2 blobs=3/);
  });

  it('finds nothing of a deleted image in the list of what is stored', async () => {
    const { layover, pusher } = await start();
    await using _ = layover;
    await pusher.image('team/app', first, '1');
    await pusher.image('team/app', second, '2');
    await pusher.delete('team/app', first.digest);
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'config.yml');
    const storage = { filesystem: { rootdirectory: layover.dataDirectory } };
    await writeFile(file, stringify({ version: 0.1, storage }));
    const { stdout } = await runLayover(['cache', 'list', '--json', file]);
    const { entries } = JSON.parse(stdout) as { entries: { digest: string }[] };
    expect(entries.map(({ digest }) => digest)).toEqual([second.digest]);
  });

  it('leaves what was pushed within the grace alone, and tells in a dry run what it would do', async () => {
    const { layover, pusher } = await start();
    await using _ = layover;
    await pusher.blob('team/app', layer('on its way'));
    expect((await collect(layover.dataDirectory)).stdout).toMatch(/^0 manifests, 0 links and 0 blobs removed: 0 B\n$/);
    const { stdout } = await collect(layover.dataDirectory, '--grace', '0s', '--dry-run', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      links: [{ repository: 'team/app', digest: layer('on its way').digest }],
      bytes: layer('on its way').bytes.length,
    });
    expect(await hasBytes(layover, layer('on its way').digest)).toBe(true);
  });

  it('works as well without a server, at once and with -m', async () => {
    const { layover, pusher } = await start();
    await using _ = layover;
    await pusher.image('team/app', first, '1');
    await pusher.image('team/app', second, '1');
    await layover.kill('SIGTERM');
    const quiet = await collect(layover.dataDirectory, '-m', '-q');
    expect(quiet).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^1 manifests, 2 links and 3 blobs removed/),
    });
    await layover.restart();
    await pusher.expectWhole('team/app', second, '1');
    expect(await hasBytes(layover, first.digest)).toBe(false);
  });

  it('reports a damaged repository with exit code 2, and collects the others', async () => {
    const { layover, pusher } = await start();
    await using _ = layover;
    await pusher.image('broken', first, '1');
    await pusher.image('fine', second, '1');
    await pusher.delete('fine', second.digest);
    await writeFile(blobDataPath(layover.dataDirectory, first.digest), 'x');
    const { stdout, code } = await collect(layover.dataDirectory, '--grace', '0s');
    expect(code).toBe(2);
    expect(stdout).toContain(`skipped: broken: ${first.digest} is damaged or missing`);
    expect(await hasBytes(layover, layer('first').digest)).toBe(true);
    expect(await hasBytes(layover, layer('second').digest)).toBe(false);
  });

  it('says what is wrong with its flags', async () => {
    const { stderr, code } = await collect('/nowhere', '--grace', 'soon');
    expect(code).toBe(1);
    expect(stderr).toContain('--grace soon: must be a duration');
  });

  it('can be killed in the middle: nothing that is needed is gone, pushes go on, and the next one finishes', async () => {
    const { layover, pusher } = await start(CONFIG, { ownProcess: true });
    await using _ = layover;
    const layers = Array.from({ length: 150 }, (_, i) => layer(`many ${i}`));
    await pusher.image('doomed', imageOf('doomed', layers), '1');
    await pusher.image('team/app', first, '1');
    await pusher.delete('doomed', imageOf('doomed', layers).digest);
    const collecting = collect(layover.dataDirectory, '--grace', '0s');
    const announced = () => readdir(join(layover.dataDirectory, 'layover/collection')).catch(() => []);
    // What may be removed is on the list now, and is being looked at again, or going.
    await expect.poll(announced, { interval: 1, timeout: 20_000 }).toContainEqual(expect.stringContaining('doomed'));
    await layover.kill();
    expect((await collecting).code).not.toBe(0);
    await layover.restart();
    await pusher.image('team/app', imageOf('again', layers.slice(0, 5)), '2');
    const { stdout } = await collect(layover.dataDirectory, '--grace', '0s');
    expect(stdout).toMatch(/blobs removed/);
    await pusher.expectWhole('team/app', first, '1');
    await pusher.expectWhole('team/app', imageOf('again', layers.slice(0, 5)), '2');
    // Two images of three and six blobs, with their manifests, share nothing.
    expect(await layover.visibleBlobs()).toHaveLength(11);
    expect(await announced()).toEqual([]);
  });
});

describe('collections from time to time', () => {
  it('are made by one of two servers that share a directory, while both take pushes, mounts and deletes; nothing is lost', async () => {
    const garbagecollection = { enabled: true, interval: '300ms', grace: '2s', deleteuntagged: true };
    const config = { ...CONFIG, storage: { ...CONFIG.storage, maintenance: { garbagecollection } } };
    const one = await start(config, { ownProcess: true });
    await using _ = one.layover;
    const two = await start(config, { dataDirectory: one.layover.dataDirectory, ownProcess: true });
    await using other = two.layover;
    const writers = [one, two, one, two].map(({ pusher }, i) => new Writer(pusher, `w${i}`));
    await Promise.all(writers.map((writer) => writer.run(7_000)));
    const collections = one.layover.output.match(/garbage removed/g) ?? [];
    expect(collections.length).toBeGreaterThan(1);
    expect(other.output).not.toContain('garbage removed');
    for (const { promised } of writers) {
      for (const { repository, tag, image } of promised.values()) {
        await one.pusher.expectWhole(repository, image, tag);
        await two.pusher.expectWhole(repository, image, tag);
      }
    }
    await Promise.all([one.layover.kill('SIGTERM'), other.kill('SIGTERM')]);
    const last = await collect(one.layover.dataDirectory, '-m');
    expect(last, last.stderr).toMatchObject({ code: 0 });
    const images = writers.flatMap(({ promised }) => [...promised.values()].map(({ image }) => image));
    const needed = new Set(images.flatMap((image) => [image.digest, ...image.blobs.map(({ digest }) => digest)]));
    expect(new Set((await one.layover.visibleBlobs()).map(({ digest }) => digest))).toEqual(needed);
  });
});

/** A client with tags of its own: what it was last told is there has to be there. */
class Writer {
  readonly #pusher: Pusher;
  readonly #name: string;
  readonly promised = new Map<
    string,
    { readonly repository: string; readonly tag: string; readonly image: PushedImage }
  >();

  constructor(pusher: Pusher, name: string) {
    this.#pusher = pusher;
    this.#name = name;
  }

  async run(ms: number): Promise<void> {
    const end = Date.now() + ms;
    for (let step = 0; Date.now() < end; step++) {
      const repository = `team/${step % 3}`;
      const tag = `${this.#name}-${step % 2}`;
      // The same image of another salt is pushed by every writer, and comes back after it was garbage.
      const image = imageOf(`round ${step % 9}`, [layer(`a ${step % 4}`), layer(`b ${step % 5}`)]);
      try {
        await this.#push(repository, { image, tag, mounts: step % 2 === 0 });
        this.promised.set(`${repository}:${tag}`, { repository, tag, image });
        if (step % 5 === 4) await this.#untag(repository, tag);
      } catch (err) {
        // What it wanted to bring back was being removed: it tries again later.
        if (!(err instanceof PushError) || err.status !== 503) throw err;
      }
      await delay(10);
    }
  }

  async #push(repository: string, { image, tag, mounts }: { image: PushedImage; tag: string; mounts: boolean }) {
    for (const blob of image.blobs) {
      const isMounted = mounts && (await this.#pusher.mount(repository, blob.digest, 'team/0'));
      if (!isMounted) await this.#pusher.blob(repository, blob);
    }
    await this.#pusher.manifest(repository, image, tag);
  }

  async #untag(repository: string, tag: string): Promise<void> {
    await this.#pusher.delete(repository, tag);
    this.promised.delete(`${repository}:${tag}`);
  }
}
