import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { FaultProxy } from '../support/fault-proxy.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { RunningProcess } from '../support/processes.ts';
import { LAYOVER_MAIN, programEnvironment } from '../support/programs.ts';
import { blobAt, damagedBlobs, filesBelow, manifestAt, startScene } from './image-scene.ts';

const SIZE = 24_000_000;
const images = new Images();
const image = images.addImage('team/large', '1', { layers: [SIZE] });

let scene: Awaited<ReturnType<typeof startScene>>;
beforeAll(async () => {
  scene = await startScene(images);
});
afterAll(() => scene[Symbol.asyncDispose]());

async function passed(proxy: FaultProxy, counter: 'bytesFromTarget' | 'bytesToTarget', bytes: number): Promise<void> {
  while (proxy.counts[counter] < bytes) await delay(1);
}

/** A copy that the test ends. */
function startImage(args: readonly string[]): Promise<RunningProcess> {
  const env = { ...programEnvironment(), DOCKER_CONFIG: scene.path };
  return RunningProcess.start(execPath, [LAYOVER_MAIN, 'image', ...args], { cwd: scene.path, env });
}

describe('a download', () => {
  it('that breaks is resumed where it broke', async () => {
    await using proxy = await FaultProxy.start(`http://${scene.from}`);
    proxy.cut(8_000_000, 2);
    const source = `127.0.0.1:${proxy.port}/team/large:1`;
    const { code, stdout } = await scene.image(['pull', '-q', source, '-o', 'oci:broken']);
    expect([code, stdout]).toEqual([0, `${image.digest}\n`]);
    expect(proxy.counts.cuts).toBe(2);
    expect(proxy.counts.bytesFromTarget).toBeLessThan(SIZE * 1.1);
    expect(await damagedBlobs(join(scene.path, 'broken'))).toEqual([]);
  });

  it('that was killed is resumed with its partial file, and nothing was named before', async () => {
    await using proxy = await FaultProxy.start(`http://${scene.from}`);
    proxy.bytesPerSecond = 16_000_000;
    const args = ['pull', '-q', `127.0.0.1:${proxy.port}/team/large:1`, '-o', 'oci:killed'];
    await using running = await startImage(args);
    await passed(proxy, 'bytesFromTarget', 12_000_000);
    running.kill('SIGKILL');
    await running.exited;
    const left = await filesBelow(join(scene.path, 'killed'));
    expect(left).not.toContain('index.json');
    expect(left.filter((name) => name.startsWith('.layover-partial/'))).toHaveLength(1);
    expect(await damagedBlobs(join(scene.path, 'killed'))).toEqual([]);

    proxy.bytesPerSecond = Infinity;
    const before = proxy.counts.bytesFromTarget;
    expect((await scene.image(args)).code).toBe(0);
    expect(proxy.counts.bytesFromTarget - before).toBeLessThan(SIZE * 0.75);
    expect((await filesBelow(join(scene.path, 'killed'))).filter((name) => !name.startsWith('blobs/'))).toEqual([
      'index.json',
      'oci-layout',
    ]);
    expect(await damagedBlobs(join(scene.path, 'killed'))).toEqual([]);
  });

  it('that is ended by Ctrl-C exits with 130, and leaves no archive behind', async () => {
    await using proxy = await FaultProxy.start(`http://${scene.from}`);
    proxy.bytesPerSecond = 8_000_000;
    await using running = await startImage(['pull', '-q', `127.0.0.1:${proxy.port}/team/large:1`, '-o', 'ended.tar']);
    await passed(proxy, 'bytesFromTarget', 4_000_000);
    running.kill('SIGINT');
    expect(await running.exited).toEqual({ code: 130, signal: null });
    expect((await filesBelow(scene.path)).filter((name) => name.includes('ended'))).toEqual([]);
  });

  it('whose registry stays unreachable fails, and the layout stays unchanged', async () => {
    await using proxy = await FaultProxy.start(`http://${scene.from}`);
    const source = `127.0.0.1:${proxy.port}/team/large:1`;
    await scene.image([
      'pull',
      '-q',
      `${scene.from}/team/large:1`,
      '-o',
      'oci:kept:first',
      '--platform',
      'linux/amd64',
    ]);
    const before = await readFile(join(scene.path, 'kept/index.json'), 'utf8');
    proxy.refuse();
    const { code, stderr } = await scene.image(['pull', '-q', source, '-o', 'oci:kept:second']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('ECONNREFUSED')]);
    expect(await readFile(join(scene.path, 'kept/index.json'), 'utf8')).toBe(before);
  });
});

describe('an upload', () => {
  it('that breaks is resumed where the registry has it', async () => {
    await using layover = await Layover.start();
    await using proxy = await FaultProxy.start(layover.url);
    const exit = await pushBroken(proxy, 18_000_000);
    expect(exit).toEqual({ code: 0, signal: null });
    expect(await sizeOfLayer(layover.url)).toBe(SIZE);
    expect(proxy.counts.bytesToTarget).toBeLessThan(SIZE * 1.5);
  });

  it('that breaks starts again where the registry does not report how much it has', async () => {
    await using proxy = await FaultProxy.start(`http://${scene.to}`);
    expect(await pushBroken(proxy, 8_000_000)).toEqual({ code: 0, signal: null });
    expect(await sizeOfLayer(scene.toUrl)).toBe(SIZE);
  });

  async function pushBroken(proxy: FaultProxy, afterBytes: number) {
    const destination = `127.0.0.1:${proxy.port}/pushed/large:1`;
    await using running = await startImage(['copy', `${scene.from}/team/large:1`, destination]);
    await passed(proxy, 'bytesToTarget', afterBytes);
    proxy.killAll();
    return await running.exited;
  }

  async function sizeOfLayer(registry: string): Promise<number | undefined> {
    expect(await manifestAt(registry, 'pushed/large', '1')).toEqual(image.bytes);
    const [, layer = image.digest] = image.layers;
    return (await blobAt(registry, 'pushed/large', layer))?.length;
  }

  it('that cannot be finished leaves no tag', async () => {
    await using proxy = await FaultProxy.start(`http://${scene.to}`);
    const destination = `127.0.0.1:${proxy.port}/never/large:1`;
    proxy.cutOnTheWayIn(8_000_000);
    await using running = await startImage(['copy', '-q', `${scene.from}/team/large:1`, destination]);
    await passed(proxy, 'bytesToTarget', 8_000_000);
    proxy.refuse();
    proxy.killAll();
    expect((await running.exited).code).toBe(1);
    expect(running.stderr).toMatch(/^layover: 127\.0\.0\.1:\d+: .*\n$/);
    expect(await manifestAt(scene.toUrl, 'never/large', '1')).toBeUndefined();
  });
});

describe('two copies into one directory', () => {
  it('the second is refused while the first is running, and not after one that was killed', async () => {
    await using proxy = await FaultProxy.start(`http://${scene.from}`);
    proxy.bytesPerSecond = 8_000_000;
    await using running = await startImage(['pull', '-q', `127.0.0.1:${proxy.port}/team/large:1`, '-o', 'oci:shared']);
    await passed(proxy, 'bytesFromTarget', 4_000_000);
    const args = ['pull', '-q', `${scene.from}/team/large:1`, '-o', 'oci:shared'];
    const second = await scene.image(args);
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining('another process is writing to it')]);
    running.kill('SIGKILL');
    await running.exited;
    expect((await stat(join(scene.path, 'shared/.layover-lock'))).isFile()).toBe(true);
    expect((await scene.image(args)).code).toBe(0);
  });
});
