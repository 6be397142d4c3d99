import { digestOf } from '../../src/oci/digest.ts';
import { DOCKER_MANIFEST_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import type { Check, Topic } from './check.ts';
import { imageManifest, jsonBytes, NEVER_PUSHED } from './content.ts';
import type { Registry, Step } from './registry.ts';

const image = imageManifest();
const platform = { architecture: 'amd64', os: 'linux' };
const entry = { mediaType: OCI_MANIFEST, digest: digestOf(image.bytes), size: image.bytes.length, platform };
const index = jsonBytes({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] });
const DIGEST = digestOf(index);
const STORED = `201 location=/v2/<name>/manifests/${DIGEST} docker-content-digest=${DIGEST}`;

async function pushImage(it: Registry): Promise<void> {
  for (const part of image.parts) await it.pushBlob(part);
  await it.putManifest(entry.digest, image.bytes);
}

const checks: readonly Check[] = [
  {
    name: 'index: with an entry that is not there',
    expected: ['400 MANIFEST_BLOB_UNKNOWN'],
    async observe(it) {
      const unknown = { ...entry, digest: NEVER_PUSHED };
      const body = jsonBytes({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [unknown] });
      return [await it.line(await it.putManifest('1', body, OCI_INDEX))];
    },
  },
  {
    name: 'index: by tag, then by digest',
    expected: [STORED, STORED],
    async observe(it) {
      await pushImage(it);
      const headers = ['location', 'docker-content-digest'];
      const byTag = await it.line(await it.putManifest('1', index, OCI_INDEX), ...headers);
      return [byTag, await it.line(await it.putManifest(DIGEST, index, OCI_INDEX), ...headers)];
    },
  },
  {
    name: 'index: asked for with a list of types and weights',
    expected: ['GET', 'HEAD'].map(
      () => `200 content-type=${OCI_INDEX} docker-content-digest=${DIGEST} etag="${DIGEST}"`,
    ),
    async observe(it) {
      await pushImage(it);
      await it.putManifest('1', index, OCI_INDEX);
      const accept = { headers: { accept: ` ${OCI_INDEX} ; q=0.8 , ${OCI_MANIFEST}` } };
      const steps: Step[] = [
        ['GET', 'manifests/1', accept],
        ['HEAD', `manifests/${DIGEST}`, accept],
      ];
      return it.inOrder(steps, 'content-type', 'docker-content-digest', 'etag');
    },
  },
  {
    name: 'index: If-None-Match',
    expected: ['304', '304'],
    async observe(it) {
      await pushImage(it);
      await it.putManifest('1', index, OCI_INDEX);
      const headers = { accept: OCI_INDEX, 'if-none-match': `"${DIGEST}"` };
      return it.inOrder([
        ['GET', 'manifests/1', { headers }],
        ['GET', `manifests/${DIGEST}`, { headers }],
      ]);
    },
  },
  {
    name: 'index: null for the manifests, and none',
    expected: ['201', '201'],
    async observe(it) {
      const bodies = [null, undefined].map((manifests) =>
        jsonBytes({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }),
      );
      const lines: string[] = [];
      for (const body of bodies) lines.push(await it.line(await it.putManifest('1', body, OCI_INDEX)));
      return lines;
    },
  },
  {
    name: 'index: a Docker list by tag, for a client that accepts no lists',
    expected: [`200 content-type=${DOCKER_MANIFEST_LIST}`],
    async observe(it) {
      await pushImage(it);
      const body = jsonBytes({ schemaVersion: 2, mediaType: DOCKER_MANIFEST_LIST, manifests: [entry] });
      await it.putManifest('1', body, DOCKER_MANIFEST_LIST);
      const accept = { headers: { accept: `${DOCKER_MANIFEST}, ${OCI_MANIFEST}` } };
      return [await it.seen(['GET', 'manifests/1', accept], 'content-type')];
    },
  },
];

export const indexes: Topic = { name: 'indexes', covers: ['TestManifestAPI'], checks };
