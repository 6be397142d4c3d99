import { digestOf } from '../../src/oci/digest.ts';
import type { Check, Topic } from './check.ts';
import { bytesOf, LAYER, NEVER_PUSHED } from './content.ts';
import { locationOf, type Registry, statuses, withDigest } from './registry.ts';

const DIGEST = digestOf(LAYER);
const EMPTY = bytesOf('');
const BINARY = { 'content-type': 'application/octet-stream' };
const FIRST = LAYER.slice(0, 10);
const REST = LAYER.slice(10);

const chunk = (body: Uint8Array<ArrayBuffer>, range?: string) => ({
  body,
  headers: { ...BINARY, ...(range !== undefined && { 'content-range': range }) },
});

/** Sends one chunk to a new upload. */
function oneChunk(name: string, range: string | undefined, expected: readonly string[]): Check {
  return {
    name: `upload: ${name}`,
    expected,
    async observe(it) {
      const location = await it.startUpload();
      const sent = await it.seen(['PATCH', location, chunk(LAYER, range)]);
      return [sent, await it.seen(['GET', location], 'range')];
    },
  };
}

async function startChunk(it: Registry): Promise<{ readonly first: Response; readonly stale: string }> {
  const stale = await it.startUpload();
  return { first: await it.send('PATCH', stale, chunk(FIRST)), stale };
}

const checks: readonly Check[] = [
  {
    name: 'upload: start, status, cancel',
    expected: [
      '202 location=/v2/<name>/blobs/uploads/<upload> range=0-0 content-length=0',
      '204 location=/v2/<name>/blobs/uploads/<upload> range=0-0 content-length=-',
      '204 location=- range=- content-length=-',
      '404 BLOB_UPLOAD_UNKNOWN location=- range=- content-length=*',
      '404 BLOB_UPLOAD_UNKNOWN location=- range=- content-length=*',
    ],
    async observe(it) {
      const headers = ['location', 'range', 'content-length'];
      const started = await it.send('POST', 'blobs/uploads/');
      const location = locationOf(started);
      const lines = [await it.line(started, ...headers)];
      const steps = ['GET', 'DELETE', 'GET', 'DELETE'].map((method) => [method, location] as const);
      lines.push(...(await it.inOrder(steps, ...headers)));
      return lines.map((line) => line.replace(/(?<=content-length=)[1-9]\d*/, '*'));
    },
  },
  {
    name: 'upload: all of it in one PUT',
    expected: [
      `201 location=/v2/<name>/blobs/${DIGEST} docker-content-digest=${DIGEST} content-length=0`,
      `200 location=- docker-content-digest=${DIGEST} content-length=${LAYER.length}`,
    ],
    async observe(it) {
      const headers = ['location', 'docker-content-digest', 'content-length'];
      const location = withDigest(await it.startUpload(), DIGEST);
      return it.inOrder(
        [
          ['PUT', location, chunk(LAYER)],
          ['HEAD', `blobs/${DIGEST}`],
        ],
        ...headers,
      );
    },
  },
  {
    name: 'upload: an empty blob',
    expected: ['201', '200 content-length=0'],
    async observe(it) {
      const digest = digestOf(EMPTY);
      const sent = await it.seen(['PUT', withDigest(await it.startUpload(), digest), chunk(EMPTY)]);
      return [sent, await it.seen(['HEAD', `blobs/${digest}`], 'content-length')];
    },
  },
  {
    name: 'upload: other bytes than the digest says',
    expected: ['400 DIGEST_INVALID', '404', '404 BLOB_UPLOAD_UNKNOWN'],
    async observe(it) {
      const location = await it.startUpload();
      return it.inOrder([
        ['PUT', withDigest(location, DIGEST), chunk(EMPTY)],
        ['HEAD', `blobs/${DIGEST}`],
        ['GET', location],
      ]);
    },
  },
  {
    name: 'upload: finished without a digest, with a malformed one, with one of an unknown kind',
    expected: ['400 DIGEST_INVALID', '400 DIGEST_INVALID', '400 DIGEST_INVALID'],
    async observe(it) {
      const lines: string[] = [];
      for (const digest of [undefined, 'nonsense', `sha257:${'0'.repeat(64)}`]) {
        const location = await it.startUpload();
        const target = digest === undefined ? location : withDigest(location, digest);
        lines.push(await it.seen(['PUT', target, chunk(LAYER)]));
      }
      return lines;
    },
  },
  {
    name: 'upload: as a stream, then finished without a body',
    expected: [`202 range=0-${LAYER.length - 1}`, `204 range=0-${LAYER.length - 1}`, '201 range=-', '200 range=-'],
    async observe(it) {
      const sent = await it.send('PATCH', await it.startUpload(), chunk(LAYER));
      const location = locationOf(sent);
      const steps = [
        ['GET', location],
        ['PUT', withDigest(location, DIGEST)],
        ['GET', `blobs/${DIGEST}`],
      ] as const;
      return [await it.line(sent, 'range'), ...(await it.inOrder(steps, 'range'))];
    },
  },
  {
    name: 'upload: in chunks, the last one with the PUT',
    expected: ['202 range=0-9', `201 range=-`, `200 range=-`],
    async observe(it) {
      const sent = await it.send('PATCH', await it.startUpload(), chunk(FIRST, '0-9'));
      const target = withDigest(locationOf(sent), DIGEST);
      const steps = [
        ['PUT', target, chunk(REST, `10-${LAYER.length - 1}`)],
        ['GET', `blobs/${DIGEST}`],
      ] as const;
      return [await it.line(sent, 'range'), ...(await it.inOrder(steps, 'range'))];
    },
  },
  oneChunk('a chunk of another length than its range', '0-9', ['400 SIZE_INVALID', '204 range=0-0']),
  oneChunk('a chunk that does not come next', `3-${LAYER.length + 2}`, ['416 RANGE_INVALID', '204 range=0-0']),
  oneChunk('a chunk that does not come next, of another length than its range', '3-22', [
    '416 RANGE_INVALID',
    '204 range=0-0',
  ]),
  {
    name: 'upload: a state that is behind',
    expected: ['416 RANGE_INVALID', '204 range=0-9'],
    async observe(it) {
      const { first, stale } = await startChunk(it);
      return [await it.seen(['PATCH', stale, chunk(REST)]), await it.seen(['GET', locationOf(first)], 'range')];
    },
  },
  {
    name: 'upload: a state that was changed, one of another repository',
    expected: ['400 BLOB_UPLOAD_INVALID', '400 BLOB_UPLOAD_INVALID'],
    async observe(it) {
      const { first } = await startChunk(it);
      const location = locationOf(first);
      const changed = location.replace(/_state=.{8}/, '_state=AAAAAAAA');
      const elsewhere = location.replace(it.repository, `${it.repository}/other`);
      return it.inOrder([
        ['PATCH', changed, chunk(REST)],
        ['PATCH', elsewhere, chunk(REST)],
      ]);
    },
  },
  {
    name: 'upload: without its state',
    expected: ['202'],
    async observe(it) {
      const { first } = await startChunk(it);
      return [await it.seen(['PATCH', locationOf(first).replace(/\?.*/, ''), chunk(REST)])];
    },
  },
  {
    name: 'upload: one that never was',
    expected: ['404 BLOB_UPLOAD_UNKNOWN'],
    observe: async (it) => [await it.seen(['GET', 'blobs/uploads/6b3c9a93-af5d-473f-a4ff-9710022185cd'])],
  },
  {
    name: 'mount: from a repository that has the blob',
    expected: [
      `201 location=/v2/<name>/blobs/${DIGEST} docker-content-digest=${DIGEST}`,
      '200 location=- docker-content-digest=*',
    ],
    async observe(it) {
      const source = `${it.repository}-source`;
      await it.pushBlobTo(source, LAYER);
      const headers = ['location', 'docker-content-digest'];
      const mounted = await it.seen(['POST', `blobs/uploads/?mount=${DIGEST}&from=${source}`], ...headers);
      const there = await it.seen(['HEAD', `blobs/${DIGEST}`], ...headers);
      return [mounted, there.replace(DIGEST, '*')];
    },
  },
  {
    name: 'mount: a blob that the source does not have, a source that does not exist',
    expected: ['202 location=/v2/<name>/blobs/uploads/<upload>', '202 location=/v2/<name>/blobs/uploads/<upload>'],
    async observe(it) {
      const source = `${it.repository}-source`;
      await it.pushBlobTo(source, LAYER);
      return it.inOrder(
        [
          ['POST', `blobs/uploads/?mount=${NEVER_PUSHED}&from=${source}`],
          ['POST', `blobs/uploads/?mount=${DIGEST}&from=no/such/repository`],
        ],
        'location',
      );
    },
  },
  {
    name: 'upload: in the POST that starts it',
    expected: ['201', '200'],
    observe: (it) =>
      it.inOrder([
        ['POST', `blobs/uploads/?digest=${DIGEST}`, chunk(LAYER)],
        ['HEAD', `blobs/${DIGEST}`],
      ]),
  },
  {
    name: 'mount: without a source',
    expected: ['201'],
    async observe(it) {
      await it.pushBlobTo(`${it.repository}-source`, LAYER);
      return [await it.seen(['POST', `blobs/uploads/?mount=${DIGEST}`])];
    },
  },
  {
    name: 'upload: into a read-only registry',
    setting: 'read-only',
    expected: ['405', '405'],
    observe: async (it) =>
      statuses(
        await it.inOrder([
          ['POST', 'blobs/uploads/'],
          ['POST', `blobs/uploads/?mount=${DIGEST}&from=${it.repository}`],
        ]),
      ),
  },
];

export const uploads: Topic = {
  name: 'uploads',
  covers: ['TestBlobAPI', 'TestStartPushReadOnly', 'TestLayerUploadTokens', 'TestHMACValidation'],
  checks,
};
