import { describe, expect, it } from 'vitest';

import { seededContent } from '../support/content.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { ask, finish, type Pulled, pull, readSome } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';
import { expectNotStored, expectStored } from './stored-data.ts';

const MIB = 1024 * 1024;
const NAME = 'library/app';
const images = new Images();
const blob = images.addBlob(NAME, seededContent('blob', 32 * MIB));
const small = images.addBlob(NAME, seededContent('small', 100_000));
const bytes = Buffer.concat([...blob.read()]);
const hub = sharedHub(images);

const blobUrl = (layover: Layover, { digest } = blob) => `${layover.url}/v2/${NAME}/blobs/${digest}`;
const range = (asked: string, more: Readonly<Record<string, string>> = {}) => ({ headers: { range: asked, ...more } });

function expectRange({ status, complete, headers, start, size }: Pulled, from: number, to: number): void {
  expect({ status, complete, range: headers['content-range'], size }).toEqual({
    status: 206,
    complete: true,
    range: `bytes ${from}-${to - 1}/${blob.size}`,
    size: to - from,
  });
  expect(start.equals(bytes.subarray(from, Math.min(to, from + start.length)))).toBe(true);
}

describe('a range of a blob that is not cached', () => {
  it('at its beginning comes from the fill it starts', async () => {
    await using layover = await startCache(hub());
    const early = await pull(blobUrl(layover), range('bytes=0-99999'));
    expectRange(early, 0, 100_000);
    expect(early.headers['x-cache']).toBe('MISS');
    await expectStored(layover, [blob.digest]);
    expect(
      hub()
        .requests.of('cdn-get')
        .map((request) => request.range),
    ).toEqual([undefined]);
    expect(hub().requests.bytes('cdn-get')).toBe(blob.size);
  });

  it('far ahead of the fill does not wait for it, and the fill goes on', async () => {
    await using layover = await startCache(hub());
    hub().faults.hangMidBody(2 * MIB, { on: 'cdn-get', times: 1 });
    const follower = await ask(blobUrl(layover));
    await readSome(follower, MIB);

    expectRange(await pull(blobUrl(layover), range('bytes=20000000-20099999')), 20_000_000, 20_100_000);
    expectRange(await pull(blobUrl(layover), range('bytes=-5000')), blob.size - 5000, blob.size);
    expectRange(await pull(blobUrl(layover), range(`bytes=${blob.size - 10}-`)), blob.size - 10, blob.size);
    // What is there already, or nearly there, is not asked for again.
    expectRange(await pull(blobUrl(layover), range('bytes=1000000-1049999')), 1_000_000, 1_050_000);

    expect(
      hub()
        .requests.of('cdn-get')
        .map((request) => request.range),
    ).toEqual([
      undefined,
      'bytes=20000000-20099999',
      `bytes=${blob.size - 5000}-${blob.size - 1}`,
      `bytes=${blob.size - 10}-${blob.size - 1}`,
    ]);
    follower.destroy();
    await expectNotStored(layover, [blob.digest]);
  });

  it('is answered in all its parts while the fill goes on, which completes once', async () => {
    await using layover = await startCache(hub());
    hub().faults.throttle(16 * MIB, { on: 'cdn-get', times: 1 });
    const whole = ask(blobUrl(layover)).then(finish);
    const parts = await pull(blobUrl(layover), range('bytes=0-9,16777216-16777225,-10'));

    expect(parts).toMatchObject({ status: 206, complete: true });
    const [, boundary = ''] = /^multipart\/byteranges; boundary=(.+)$/.exec(parts.headers['content-type'] ?? '') ?? [];
    const bodies = parts.start.toString('latin1').split(`--${boundary}`).slice(1, -1);
    expect(bodies.map((part) => part.split('\r\n\r\n').slice(1).join('\r\n\r\n').replace(/\r\n$/, ''))).toEqual(
      [0, 16_777_216, blob.size - 10].map((at) => bytes.subarray(at, at + 10).toString('latin1')),
    );
    expect(await whole).toMatchObject({ status: 200, complete: true, digest: blob.digest });
    await expectStored(layover, [blob.digest]);
    expect(
      hub()
        .requests.of('cdn-get')
        .filter((request) => request.range === undefined),
    ).toHaveLength(1);
  });

  it('crosses a break of the upstream connection', async () => {
    await using layover = await startCache(hub());
    hub().faults.cutBody(5 * MIB, { on: 'cdn-get', times: 1 });
    expectRange(await pull(blobUrl(layover), range('bytes=4000000-7999999')), 4_000_000, 8_000_000);
    await expectStored(layover, [blob.digest]);
  });

  it('is whole when If-Range names something else', async () => {
    await using layover = await startCache(hub());
    const other = await pull(blobUrl(layover), range('bytes=0-9', { 'if-range': '"sha256:other"' }));
    expect(other).toMatchObject({ status: 200, complete: true, digest: blob.digest });
  });

  it('is a range when If-Range names the blob', async () => {
    await using layover = await startCache(hub());
    const same = await pull(blobUrl(layover), range('bytes=10-19', { 'if-range': `"${blob.digest}"` }));
    expectRange(same, 10, 20);
  });

  it('beyond its end is 416 with its size', async () => {
    await using layover = await startCache(hub());
    const beyond = await pull(blobUrl(layover, small), range('bytes=100000-'));
    expect(beyond).toMatchObject({ status: 416, headers: { 'content-range': 'bytes */100000' } });
    await expectStored(layover, [small.digest]);
  });
});
