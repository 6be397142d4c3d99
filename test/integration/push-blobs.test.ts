import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Digest, digestAlgorithm, digestOf } from '../../src/oci/digest.ts';
import { filesBelow } from '../support/data-directory.ts';
import { Layover } from '../support/layover.ts';
import { answerOf, ending, keptOf, locationOf, refusalOf, send, startSending, startUpload } from './pushing.ts';

const REPOSITORY = 'team/app';
const EMPTY = digestOf(Buffer.alloc(0));

const newBlob = (size = 100_000) => {
  const bytes = randomBytes(size);
  return { bytes, digest: digestOf(bytes) };
};

describe.each(['filesystem', 'inmemory'])('pushing blobs to the %s storage', (driver) => {
  let layover: Layover;
  beforeAll(async () => {
    layover = await Layover.start({ env: driver === 'inmemory' ? { REGISTRY_STORAGE: 'inmemory' } : {} });
  });
  afterAll(() => layover[Symbol.asyncDispose]());

  const blobUrl = (digest: Digest, repository = REPOSITORY) => `${layover.url}/v2/${repository}/blobs/${digest}`;
  /** The digest of what comes, or why nothing does. */
  const pulled = async (digest: Digest, repository = REPOSITORY) => {
    const answer = await fetch(blobUrl(digest, repository));
    return answer.ok ? digestOf(Buffer.from(await answer.arrayBuffer()), digestAlgorithm(digest)) : answer.status;
  };

  it('answers a start with where to go on, and nothing kept yet', async () => {
    for (const slash of ['', '/']) {
      const answer = await send('POST', `${layover.url}/v2/${REPOSITORY}/blobs/uploads${slash}`);
      const { 'docker-upload-uuid': id, location, range, 'content-length': length } = answer.headers;
      expect([answer.status, range, length]).toEqual([202, '0-0', '0']);
      expect(location).toContain(`/v2/${REPOSITORY}/blobs/uploads/${String(id)}?_state=`);
      expect(answer.headers['oci-chunk-min-length']).toBeUndefined();
      const status = await send('GET', locationOf(answer, layover.url));
      expect([status.status, status.headers.range, status.headers['docker-upload-uuid']]).toEqual([204, '0-0', id]);
    }
  });

  it('takes a blob by POST and PUT', async () => {
    const { bytes, digest } = newBlob();
    const upload = await startUpload(layover.url, REPOSITORY);
    const answer = await send('PUT', ending(upload, digest), { body: bytes });
    expect([answer.status, answer.headers['docker-content-digest'], answer.headers['content-length']]).toEqual([
      ...[201, digest, '0'],
    ]);
    expect(locationOf(answer, layover.url)).toBe(blobUrl(digest));
    expect(await pulled(digest)).toBe(digest);
    expect(refusalOf(await send('PUT', ending(upload, digest)))).toEqual([404, 'BLOB_UPLOAD_UNKNOWN']);
  });

  it('takes a blob by a single POST', async () => {
    const { bytes, digest } = newBlob();
    const url = `${layover.url}/v2/${REPOSITORY}/blobs/uploads/?digest=${digest}`;
    const answer = await send('POST', url, { body: bytes });
    expect([answer.status, locationOf(answer, layover.url)]).toEqual([201, blobUrl(digest)]);
    expect(await pulled(digest)).toBe(digest);
  });

  it('takes a blob as a stream of unknown length, and the end without a byte', async () => {
    const { bytes, digest } = newBlob();
    const upload = await startUpload(layover.url, REPOSITORY);
    const sending = startSending('PATCH', upload);
    for (let i = 0; i < bytes.length; i += 7_000) sending.write(bytes.subarray(i, i + 7_000));
    sending.end();
    const answer = await answerOf(sending);
    expect([answer.status, answer.headers.range]).toEqual([202, `0-${bytes.length - 1}`]);
    const next = locationOf(answer, layover.url);
    expect(await keptOf(next)).toBe(bytes.length);
    expect((await send('PUT', ending(next, digest))).status).toBe(201);
    expect(await pulled(digest)).toBe(digest);
  });

  it.each([true, false])('takes a blob in chunks, the last one with the end: %s', async (withEnd) => {
    const { bytes, digest } = newBlob();
    let upload = await startUpload(layover.url, REPOSITORY);
    const chunk = (start: number, end: number) => ({
      body: bytes.subarray(start, end),
      headers: { 'content-range': `${start}-${end - 1}`, 'content-type': 'application/octet-stream' },
    });
    for (const [start, end] of withEnd
      ? [
          [0, 30_000],
          [30_000, 30_001],
        ]
      : [
          [0, 30_000],
          [30_000, bytes.length],
        ]) {
      const answer = await send('PATCH', upload, chunk(start as number, end as number));
      expect([answer.status, answer.headers.range]).toEqual([202, `0-${(end as number) - 1}`]);
      upload = locationOf(answer, layover.url);
    }
    const last = withEnd ? chunk(30_001, bytes.length) : {};
    expect((await send('PUT', ending(upload, digest), last)).status).toBe(201);
    expect(await pulled(digest)).toBe(digest);
  });

  it('refuses a chunk that does not come next, says which one does, and keeps the session', async () => {
    const { bytes, digest } = newBlob(1000);
    const first = await startUpload(layover.url, REPOSITORY);
    const range = (start: number, end: number) => ({
      body: bytes.subarray(start, end),
      headers: { 'content-range': `${start}-${end - 1}` },
    });
    const ahead = await send('PATCH', first, range(500, 1000));
    expect(refusalOf(ahead)).toEqual([416, 'RANGE_INVALID']);
    const upload = locationOf(await send('PATCH', first, range(0, 500)), layover.url);
    for (const [method, url] of [
      ['PATCH', upload],
      ['PUT', ending(upload, digest)],
    ] as const) {
      const tooLong = { body: Buffer.alloc(900), headers: { 'content-range': '503-522' } };
      const tooShort = { body: Buffer.alloc(3), headers: { 'content-range': '0-499' } };
      const none = { body: Buffer.alloc(0), headers: { 'content-range': '3-22' } };
      const malformed = { body: Buffer.alloc(9), headers: { 'content-range': '9-1' } };
      for (const wrong of [range(0, 500), range(501, 1000), tooLong, tooShort, none, malformed]) {
        const answer = await send(method, url, wrong);
        expect(refusalOf(answer)).toEqual([416, 'RANGE_INVALID']);
        expect(answer.headers.range).toBe('0-499');
        expect(await keptOf(locationOf(answer, layover.url))).toBe(500);
      }
    }
    // What the URL says counts when the client says nothing.
    const stale = await send('PATCH', first, { body: bytes.subarray(500) });
    expect(refusalOf(stale)).toEqual([416, 'RANGE_INVALID']);
    expect((await send('PUT', ending(upload, digest), range(500, 1000))).status).toBe(201);
    expect(await pulled(digest)).toBe(digest);
  });

  it.each([
    ['5-4', 416, 'RANGE_INVALID'],
    ['a-b', 416, 'RANGE_INVALID'],
    ['0-', 416, 'RANGE_INVALID'],
    ['0-8', 400, 'SIZE_INVALID'],
    ['0-10', 400, 'SIZE_INVALID'],
  ])('refuses ten bytes whose Content-Range is %s', async (range, status, code) => {
    const upload = await startUpload(layover.url, REPOSITORY);
    const answer = await send('PATCH', upload, { body: Buffer.alloc(10), headers: { 'content-range': range } });
    expect(refusalOf(answer)).toEqual([status, code]);
    expect((await send('GET', upload)).headers.range).toBe('0-0');
  });

  it('refuses a stream that is not as long as its Content-Range, and forgets it', async () => {
    const upload = await startUpload(layover.url, REPOSITORY);
    for (const body of ['short', 'much too long for it']) {
      const sending = startSending('PATCH', upload, { 'content-range': '0-9', 'transfer-encoding': 'chunked' });
      sending.end(body);
      expect(refusalOf(await answerOf(sending))).toEqual([400, 'SIZE_INVALID']);
      expect((await send('GET', upload)).headers.range).toBe('0-0');
    }
  });

  it('refuses wrong bytes, and nothing of them is left', async () => {
    const { bytes } = newBlob();
    const other = digestOf(randomBytes(10));
    const upload = await startUpload(layover.url, REPOSITORY);
    expect(refusalOf(await send('PUT', ending(upload, other), { body: bytes }))).toEqual([400, 'DIGEST_INVALID']);
    expect(refusalOf(await send('GET', upload))).toEqual([404, 'BLOB_UPLOAD_UNKNOWN']);
    const url = `${layover.url}/v2/${REPOSITORY}/blobs/uploads/?digest=${other}`;
    expect(refusalOf(await send('POST', url, { body: bytes }))).toEqual([400, 'DIGEST_INVALID']);
    expect([await pulled(other), await pulled(digestOf(bytes))]).toEqual([404, 404]);
    if (driver === 'inmemory') return;
    const files = await filesBelow(layover.dataDirectory);
    expect(files.filter((file) => file.includes(other.slice(7)) || file.includes(digestOf(bytes).slice(7)))).toEqual(
      [],
    );
  });

  it.each(['', 'digest=', 'digest=sha256:abc', 'digest=md5:d41d8cd98f00b204e9800998ecf8427e'])(
    'refuses to end an upload with "%s"',
    async (query) => {
      const upload = await startUpload(layover.url, REPOSITORY);
      expect(refusalOf(await send('PUT', `${upload}&${query}`, { body: Buffer.from('x') }))).toEqual([
        ...[400, 'DIGEST_INVALID'],
      ]);
      expect((await send('GET', upload)).status).toBe(204);
    },
  );

  it('ends an upload without a blob when it is cancelled', async () => {
    const upload = await startUpload(layover.url, REPOSITORY);
    await send('PATCH', upload, { body: Buffer.from('some') });
    const [, id] = /uploads\/([^?]+)/.exec(upload) ?? [];
    const answer = await send('DELETE', upload);
    expect([answer.status, answer.headers['docker-upload-uuid']]).toEqual([204, id]);
    for (const method of ['GET', 'DELETE', 'PATCH']) {
      expect(refusalOf(await send(method, upload))).toEqual([404, 'BLOB_UPLOAD_UNKNOWN']);
    }
  });

  it('takes an empty blob in every way', async () => {
    const ends = [
      async () => send('PUT', ending(await startUpload(layover.url, 'empty/put'), EMPTY)),
      async () => send('POST', `${layover.url}/v2/empty/post/blobs/uploads/?digest=${EMPTY}`),
      async () => {
        const patched = await send('PATCH', await startUpload(layover.url, 'empty/patch'));
        return send('PUT', ending(locationOf(patched, layover.url), EMPTY));
      },
    ];
    for (const end of ends) expect((await end()).status).toBe(201);
    for (const name of ['put', 'post', 'patch']) expect(await pulled(EMPTY, `empty/${name}`)).toBe(EMPTY);
  });

  it.each(['?digest-algorithm=sha512', ''])('takes a blob by its sha512, told at the start by "%s"', async (query) => {
    const bytes = randomBytes(50_000);
    const digest = digestOf(bytes, 'sha512');
    const upload = await startUpload(layover.url, REPOSITORY, query);
    const patched = await send('PATCH', upload, { body: bytes.subarray(0, 20_000) });
    const end = ending(locationOf(patched, layover.url), digest);
    const answer = await send('PUT', end, { body: bytes.subarray(20_000) });
    expect([answer.status, answer.headers['docker-content-digest']]).toEqual([201, digest]);
    expect(await pulled(digest)).toBe(digest);
  });

  it('goes on by the id alone, but not by a state that is not its own', async () => {
    const { bytes, digest } = newBlob();
    const upload = await startUpload(layover.url, REPOSITORY);
    const bare = upload.replace(/\?.*/, '');
    expect((await send('PATCH', bare, { body: bytes.subarray(0, 10) })).status).toBe(202);
    const [, state] = (await startUpload(layover.url, REPOSITORY)).split('?');
    for (const wrong of [state, '_state=', '_state=abc', `${upload.split('?')[1]}x`]) {
      for (const method of ['GET', 'PATCH', 'DELETE']) {
        expect(refusalOf(await send(method, `${bare}?${wrong}`))).toEqual([400, 'BLOB_UPLOAD_INVALID']);
      }
    }
    expect(await keptOf(`${bare}/`)).toBe(10);
    expect((await send('PUT', `${bare}?digest=${digest}`, { body: bytes.subarray(10) })).status).toBe(201);
  });

  it.each(['x', '..', '%2e%2e%2f_layers', '00000000-0000-4000-8000-000000000000', 'startedat'])(
    'knows no upload that is called %s',
    async (id) => {
      const url = `${layover.url}/v2/${REPOSITORY}/blobs/uploads/${id}`;
      for (const method of ['GET', 'PATCH', 'DELETE']) {
        const { status } = await send(method, url);
        expect([400, 404]).toContain(status);
      }
    },
  );

  it('is of one repository: its upload is none of another', async () => {
    const upload = await startUpload(layover.url, REPOSITORY);
    const elsewhere = upload.replace(REPOSITORY, 'other/app');
    expect(refusalOf(await send('GET', elsewhere))).toEqual([400, 'BLOB_UPLOAD_INVALID']);
    expect(refusalOf(await send('GET', elsewhere.replace(/\?.*/, '')))).toEqual([404, 'BLOB_UPLOAD_UNKNOWN']);
  });

  it('mounts a blob of a repository that is named, or of any', async () => {
    const { bytes, digest } = newBlob();
    await send('POST', `${layover.url}/v2/mount/from/blobs/uploads/?digest=${digest}`, { body: bytes });
    for (const [to, query] of [
      ['mount/named', '&from=mount/from'],
      ['mount/any', ''],
    ]) {
      const answer = await send('POST', `${layover.url}/v2/${to}/blobs/uploads/?mount=${digest}${query}`);
      expect([answer.status, answer.headers['docker-content-digest']]).toEqual([201, digest]);
      expect(locationOf(answer, layover.url)).toBe(blobUrl(digest, to));
      expect(await pulled(digest, to)).toBe(digest);
    }
  });

  it.each([
    ['a repository that does not have it', (digest: Digest) => `?mount=${digest}&from=mount/none`],
    ['nobody who has it', (digest: Digest) => `?mount=${digest.replaceAll(/[0-9]/g, '0')}`],
    ['what is no digest', () => '?mount=latest&from=mount/source'],
  ])('starts an upload when a blob is to be mounted from %s', async (_, query) => {
    const { bytes, digest } = newBlob();
    await send('POST', `${layover.url}/v2/mount/source/blobs/uploads/?digest=${digest}`, { body: bytes });
    const answer = await send('POST', `${layover.url}/v2/mount/to/blobs/uploads/${query(digest)}`);
    expect(answer.status).toBe(202);
    expect((await send('PUT', ending(locationOf(answer, layover.url), digest), { body: bytes })).status).toBe(201);
  });

  it('takes the same blob from many at once, and each is told that it is there', async () => {
    const { bytes, digest } = newBlob(3_000_000);
    const pushes = Array.from({ length: 8 }, async (_, i) => {
      const upload = await startUpload(layover.url, `many/app${i % 2}`);
      return await send('PUT', ending(upload, digest), { body: bytes });
    });
    expect((await Promise.all(pushes)).map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 201));
    for (const name of ['many/app0', 'many/app1']) expect(await pulled(digest, name)).toBe(digest);
  });

  it('goes on with the connection after a body was refused', async () => {
    const upload = await startUpload(layover.url, REPOSITORY);
    const answers = [];
    // The built-in client keeps connections and sends the next request on the one that it has.
    for (let i = 0; i < 5; i++) {
      const body = Buffer.alloc(3_000_000);
      const answer = await fetch(upload, { method: 'PATCH', body, headers: { 'content-range': '7-3000006' } });
      answers.push(answer.status);
      await answer.text();
      answers.push((await fetch(upload)).status);
    }
    expect(answers).toEqual(Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? 416 : 204)));
  });
});
