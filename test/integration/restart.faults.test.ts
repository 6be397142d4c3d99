import { truncate, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { seededContent } from '../support/content.ts';
import { Images } from '../support/images.ts';
import { ask, finish, pull, readSome } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';
import { expectNotStored, expectStored } from './stored-data.ts';

const MIB = 1024 * 1024;
const NAME = 'library/app';
const images = new Images();
const blob = images.addBlob(NAME, seededContent('blob', 12 * MIB));
const hub = sharedHub(images);

/** A fill that has 5 MiB and gets no more. */
async function startHungFill(url: string) {
  hub().faults.hangMidBody(5 * MIB, { on: 'cdn-get' });
  const client = await ask(`${url}/v2/${NAME}/blobs/${blob.digest}`);
  await readSome(client, 4 * MIB);
  return client;
}

function upstreamIsWellAgain(): void {
  hub().faults.clear();
  hub().requests.reset();
}

describe('a process that is killed in the middle of a fill', () => {
  it('goes on after the restart with the bytes that are missing, and no others', async () => {
    await using layover = await startCache(hub(), { ownProcess: true });
    const cutOff = finish(await startHungFill(layover.url));
    await layover.kill('SIGKILL');
    expect(await cutOff).toMatchObject({ complete: false });
    await expectNotStored(layover, [blob.digest]);
    const [spool] = await layover.spools();
    expect(spool?.size).toBeGreaterThan(4 * MIB);

    upstreamIsWellAgain();
    await layover.restart();
    const pulled = await pull(`${layover.url}/v2/${NAME}/blobs/${blob.digest}`);

    expect(pulled).toMatchObject({ status: 200, complete: true, digest: blob.digest });
    expect(
      hub()
        .requests.of('cdn-get')
        .map(({ range }) => range),
    ).toEqual([`bytes=${spool?.size}-`]);
    expect(hub().requests.bytes('cdn-get')).toBe(blob.size - (spool?.size ?? 0));
    await expectStored(layover, [blob.digest]);
  });

  it('fetches all of it again when what lies there is something else', async () => {
    await using layover = await startCache(hub(), { ownProcess: true });
    const cutOff = finish(await startHungFill(layover.url));
    await layover.kill('SIGKILL');
    await cutOff;
    const [spool] = await layover.spools();
    await writeFile(spool?.path ?? '', Buffer.alloc(MIB, 'damaged'));

    upstreamIsWellAgain();
    await layover.restart();
    const url = `${layover.url}/v2/${NAME}/blobs/${blob.digest}`;
    expect(await pull(url)).toMatchObject({ complete: false });
    await expectNotStored(layover, [blob.digest]);
    expect(await pull(url)).toMatchObject({ complete: true, digest: blob.digest });
    await expectStored(layover, [blob.digest]);
  });

  it('fetches all of it again when what lies there is too long', async () => {
    await using layover = await startCache(hub(), { ownProcess: true });
    const cutOff = finish(await startHungFill(layover.url));
    await layover.kill('SIGKILL');
    await cutOff;
    const [spool] = await layover.spools();
    await truncate(spool?.path ?? '', blob.size + MIB);

    upstreamIsWellAgain();
    await layover.restart();
    const pulled = await pull(`${layover.url}/v2/${NAME}/blobs/${blob.digest}`);
    expect(pulled).toMatchObject({ complete: true, digest: blob.digest });
    await expectStored(layover, [blob.digest]);
  });
});

describe('a process that is told to end', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s lets a running answer finish and takes nothing new',
    async (signal) => {
      await using layover = await startCache(hub(), { ownProcess: true });
      hub().faults.throttle(12 * MIB, { on: 'cdn-get' });
      const client = await ask(`${layover.url}/v2/${NAME}/blobs/${blob.digest}`);
      const exited = layover.kill(signal);
      await expect.poll(() => pull(`${layover.url}/v2/`).catch((err: Error) => err.message)).toMatch('ECONNREFUSED');
      expect(await finish(client)).toMatchObject({ status: 200, complete: true, digest: blob.digest });
      expect(await exited).toEqual({ code: 0, signal: null });
      await expectStored(layover, [blob.digest]);
    },
  );

  it('keeps the spool of a fill whose client has left, and ends at once', async () => {
    await using layover = await startCache(hub(), { ownProcess: true });
    (await startHungFill(layover.url)).destroy();
    expect(await layover.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    await expectNotStored(layover, [blob.digest]);
    const [spool] = await layover.spools();
    expect(spool?.size).toBeGreaterThan(4 * MIB);

    upstreamIsWellAgain();
    await layover.restart();
    const pulled = await pull(`${layover.url}/v2/${NAME}/blobs/${blob.digest}`);
    expect(pulled).toMatchObject({ complete: true, digest: blob.digest });
    expect(hub().requests.bytes('cdn-get')).toBe(blob.size - (spool?.size ?? 0));
  });

  it('cuts off answers that take longer than http.draintimeout', async () => {
    await using layover = await startCache(hub(), { ownProcess: true, http: { draintimeout: '200ms' } });
    const client = await startHungFill(layover.url);
    const exited = layover.kill('SIGTERM');
    expect(await finish(client)).toMatchObject({ complete: false });
    expect(await exited).toEqual({ code: 0, signal: null });
    expect(await layover.spools()).toHaveLength(1);
    await expectNotStored(layover, [blob.digest]);
  });

  it('keeps what was cached', async () => {
    await using layover = await startCache(hub());
    const url = `${layover.url}/v2/${NAME}/blobs/${blob.digest}`;
    expect(await pull(url)).toMatchObject({ complete: true });
    await layover.restart();
    hub().requests.reset();
    expect(await pull(url)).toMatchObject({ digest: blob.digest, headers: { 'x-cache': 'HIT' } });
    expect(hub().requests.all).toEqual([]);
  });
});
