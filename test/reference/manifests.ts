import { digestOf } from '../../src/oci/digest.ts';
import { DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import type { Check, Topic } from './check.ts';
import {
  type Bytes,
  bytesOf,
  CONFIG,
  descriptor,
  imageManifest,
  jsonBytes,
  LAYER,
  NEVER_PUSHED,
  SECOND_LAYER,
} from './content.ts';
import { type Registry, type Step, statuses } from './registry.ts';

const image = imageManifest();
const DIGEST = digestOf(image.bytes);
const STORED = `201 location=/v2/<name>/manifests/${DIGEST} docker-content-digest=${DIGEST} content-length=0`;

async function pushParts(it: Registry): Promise<void> {
  for (const part of image.parts) await it.pushBlob(part);
}

/** A PUT by tag in a repository that has every part, and what is there afterwards. */
function put(name: string, body: Bytes, expected: string, type: string = OCI_MANIFEST): Check {
  return {
    name: `manifest: ${name}`,
    expected: [expected, expected.startsWith('201') ? '200' : '404'],
    async observe(it) {
      await pushParts(it);
      return [await it.line(await it.putManifest('1', body, type)), await it.seen(['HEAD', 'manifests/1'])];
    },
  };
}

const INVALID = '400 MANIFEST_INVALID';
const layerType = 'application/vnd.oci.image.layer.v1.tar';
const foreignType = 'application/vnd.oci.image.layer.nondistributable.v1.tar';
const foreign = { ...descriptor(bytesOf('elsewhere'), foreignType), urls: ['https://example.com/layer'] };

const checks: readonly Check[] = [
  {
    name: 'manifest: one that is not there, by tag and by digest',
    expected: ['404 MANIFEST_UNKNOWN', '404', '404 MANIFEST_UNKNOWN', '404'],
    observe: (it) =>
      it.inOrder([
        ['GET', 'manifests/1'],
        ['HEAD', 'manifests/1'],
        ['GET', `manifests/${NEVER_PUSHED}`],
        ['HEAD', `manifests/${NEVER_PUSHED}`],
      ]),
  },
  {
    name: 'manifest: by a tag that cannot exist',
    expected: ['404', '404'],
    observe: async (it) =>
      statuses(
        await it.inOrder([
          ['GET', 'manifests/.INVALID_MANIFEST_NAME'],
          ['HEAD', 'manifests/.INVALID_MANIFEST_NAME'],
        ]),
      ),
  },
  {
    name: 'manifest: without its parts, then without its layers, then whole',
    expected: ['400 MANIFEST_BLOB_UNKNOWN×3', '400 MANIFEST_BLOB_UNKNOWN×2', '201'],
    async observe(it) {
      const push = async () => it.line(await it.putManifest('1', image.bytes));
      const lines = [await push()];
      await it.pushBlob(CONFIG);
      lines.push(await push());
      for (const layer of [LAYER, SECOND_LAYER]) await it.pushBlob(layer);
      return [...lines, await push()];
    },
  },
  {
    name: 'manifest: by tag, then by digest',
    expected: [STORED, STORED],
    async observe(it) {
      await pushParts(it);
      const headers = ['location', 'docker-content-digest', 'content-length'];
      const byTag = await it.line(await it.putManifest('1', image.bytes), ...headers);
      return [byTag, await it.line(await it.putManifest(DIGEST, image.bytes), ...headers)];
    },
  },
  {
    name: 'manifest: what a response says of it',
    expected: ['GET', 'HEAD', 'GET', 'HEAD'].map(
      () =>
        `200 content-length=${image.bytes.length} content-type=${OCI_MANIFEST} docker-content-digest=${DIGEST} etag="${DIGEST}"`,
    ),
    async observe(it) {
      await pushParts(it);
      await it.putManifest('1', image.bytes);
      const accept = { headers: { accept: OCI_MANIFEST } };
      const steps = ['1', DIGEST].flatMap((reference): Step[] => [
        ['GET', `manifests/${reference}`, accept],
        ['HEAD', `manifests/${reference}`, accept],
      ]);
      return it.inOrder(steps, 'content-length', 'content-type', 'docker-content-digest', 'etag');
    },
  },
  {
    name: 'manifest: If-None-Match, by tag and by digest',
    expected: ['304', '304', '304', '200'],
    async observe(it) {
      await pushParts(it);
      await it.putManifest('1', image.bytes);
      const get = (reference: string, etag: string): Step => [
        'GET',
        `manifests/${reference}`,
        { headers: { accept: OCI_MANIFEST, 'if-none-match': etag } },
      ];
      return it.inOrder([get('1', `"${DIGEST}"`), get(DIGEST, `"${DIGEST}"`), get('1', DIGEST), get('1', '"other"')]);
    },
  },
  {
    name: 'manifest: by the digest of other bytes',
    expected: ['400 DIGEST_INVALID', '404'],
    async observe(it) {
      await pushParts(it);
      const pushed = await it.line(await it.putManifest(NEVER_PUSHED, image.bytes));
      return [pushed, await it.seen(['HEAD', `manifests/${DIGEST}`])];
    },
  },
  put('no JSON', bytesOf('blablabla'), INVALID),
  put('no body', bytesOf(''), INVALID),
  put('no object', jsonBytes([]), INVALID),
  put('schemaVersion 1', jsonBytes({ schemaVersion: 1, name: 'x', tag: '1' }), INVALID),
  put('schemaVersion 3', imageManifest({ schemaVersion: 3 }).bytes, INVALID),
  put('another mediaType than its Content-Type', image.bytes, INVALID, DOCKER_MANIFEST),
  put('a Content-Type of no manifest', image.bytes, INVALID, 'text/plain'),
  put('an image that has manifests', imageManifest({ manifests: [] }).bytes, INVALID),
  put('no mediaType', imageManifest({ mediaType: undefined }).bytes, '201'),
  put('an empty list of layers', imageManifest({ layers: [] }).bytes, '201'),
  put('null for the layers', imageManifest({ layers: null }).bytes, '201'),
  put('no layers', imageManifest({ layers: undefined }).bytes, '201'),
  put('no config', imageManifest({ config: undefined }).bytes, INVALID),
  put('a layer from elsewhere', imageManifest({ layers: [foreign] }).bytes, '201'),
  put(
    'a layer whose size is not that of the blob',
    imageManifest({ layers: [{ ...descriptor(LAYER, layerType), size: 7 }] }).bytes,
    '201',
  ),
  put('Docker schema 2', dockerImage(), '201', DOCKER_MANIFEST),
  put('an index with layers', indexOf([], { layers: [] }), INVALID, OCI_INDEX),
  {
    name: 'manifest: by a tag that cannot exist, pushed',
    expected: ['400 TAG_INVALID', '400 TAG_INVALID'],
    async observe(it) {
      await pushParts(it);
      const references = ['.dot', 'a'.repeat(129)];
      const lines: string[] = [];
      for (const reference of references) lines.push(await it.line(await it.putManifest(reference, image.bytes)));
      return lines;
    },
  },
  {
    name: 'manifest: an OCI image for a client that accepts only Docker images',
    expected: ['200'],
    async observe(it) {
      await pushParts(it);
      await it.putManifest('1', image.bytes);
      return [await it.seen(['GET', 'manifests/1', { headers: { accept: DOCKER_MANIFEST } }])];
    },
  },
  {
    name: 'manifest: one with a subject',
    expected: [`201 oci-subject=${DIGEST}`],
    async observe(it) {
      await pushParts(it);
      const subject = { mediaType: OCI_MANIFEST, digest: DIGEST, size: image.bytes.length };
      return [await it.line(await it.putManifest('1', imageManifest({ subject }).bytes), 'oci-subject')];
    },
  },
  {
    name: 'manifest: pushed to a read-only registry',
    setting: 'read-only',
    expected: ['405', '200'],
    async observe(it) {
      const pushed = await it.line(await it.putManifest('1', image.bytes));
      return [
        pushed.slice(0, 3),
        await it.seen(['GET', '/v2/stored/app/manifests/1', { headers: { accept: OCI_MANIFEST } }]),
      ];
    },
  },
];

function dockerImage(): Bytes {
  return jsonBytes({
    schemaVersion: 2,
    mediaType: DOCKER_MANIFEST,
    config: descriptor(CONFIG, 'application/vnd.docker.container.image.v1+json'),
    layers: [descriptor(LAYER, 'application/vnd.docker.image.rootfs.diff.tar.gzip')],
  });
}

function indexOf(manifests: readonly object[], more: object = {}): Bytes {
  return jsonBytes({ schemaVersion: 2, mediaType: OCI_INDEX, manifests, ...more });
}

export const manifests: Topic = {
  name: 'manifests',
  covers: ['TestManifestAPI'],
  checks,
};
