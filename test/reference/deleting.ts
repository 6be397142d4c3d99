import { digestOf } from '../../src/oci/digest.ts';
import { OCI_MANIFEST } from '../../src/oci/media-types.ts';
import type { Check, Topic } from './check.ts';
import { imageManifest, LAYER, NEVER_PUSHED } from './content.ts';
import { statuses } from './registry.ts';
import { STORED, storedImage } from './settings.ts';

const DIGEST = digestOf(LAYER);
const accept = { headers: { accept: OCI_MANIFEST } };

const checks: readonly Check[] = [
  {
    name: 'delete: a blob, twice, then pushed again',
    expected: [
      '202 content-length=0',
      '404 content-length=*',
      '404 BLOB_UNKNOWN content-length=*',
      '200 content-length=*',
    ],
    async observe(it) {
      await it.pushBlob(LAYER);
      const lines = await it.inOrder(
        [
          ['DELETE', `blobs/${DIGEST}`],
          ['HEAD', `blobs/${DIGEST}`],
          ['DELETE', `blobs/${DIGEST}`],
        ],
        'content-length',
      );
      await it.pushBlob(LAYER);
      lines.push(await it.seen(['HEAD', `blobs/${DIGEST}`], 'content-length'));
      return lines.map((line) => line.replace(/(?<=content-length=)(-|[1-9]\d*)$/, '*'));
    },
  },
  {
    name: 'delete: a blob by a digest of an unknown kind',
    expected: ['400 DIGEST_INVALID'],
    observe: async (it) => [await it.seen(['DELETE', `blobs/${DIGEST.replace('sha256', 'sha257')}`])],
  },
  {
    name: 'delete: a manifest by digest, twice, then pushed again',
    expected: ['202 content-length=0', '404 MANIFEST_UNKNOWN', '404 MANIFEST_UNKNOWN', '201', '200'],
    async observe(it) {
      const digest = await it.pushImage('1');
      const path = `manifests/${digest}`;
      const deleted = await it.seen(['DELETE', path], 'content-length');
      const gone = await it.inOrder([
        ['GET', path, accept],
        ['DELETE', path],
      ]);
      const { bytes } = imageManifest({ annotations: { tag: '1' } });
      const again = await it.line(await it.putManifest(digest, bytes));
      return [deleted, ...gone, again, await it.seen(['GET', path, accept])];
    },
  },
  {
    name: 'delete: a manifest by digest, with its tags',
    expected: ['202', '404 MANIFEST_UNKNOWN', '["2"]'],
    async observe(it) {
      const digest = await it.pushImage('1');
      await it.pushImage('2');
      const lines = await it.inOrder([
        ['DELETE', `manifests/${digest}`],
        ['GET', 'manifests/1', accept],
      ]);
      const { tags } = (await (await it.send('GET', 'tags/list')).json()) as { tags: string[] };
      return [...lines, JSON.stringify(tags)];
    },
  },
  {
    name: 'delete: a manifest that was never there',
    expected: ['404 MANIFEST_UNKNOWN'],
    async observe(it) {
      await it.pushImage('1');
      return [await it.seen(['DELETE', `manifests/${NEVER_PUSHED}`])];
    },
  },
  {
    name: 'delete: a tag, which leaves its manifest',
    expected: ['202', '404 MANIFEST_UNKNOWN', '200'],
    async observe(it) {
      const digest = await it.pushImage('1');
      return it.inOrder([
        ['DELETE', 'manifests/1'],
        ['GET', 'manifests/1', accept],
        ['HEAD', `manifests/${digest}`, accept],
      ]);
    },
  },
  {
    name: 'delete: a tag that was never there',
    expected: ['404 MANIFEST_UNKNOWN'],
    async observe(it) {
      await it.pushImage('1');
      return [await it.seen(['DELETE', 'manifests/2'])];
    },
  },
  {
    name: 'delete: where deleting is off',
    setting: 'deletes off',
    expected: ['405 UNSUPPORTED', '405 UNSUPPORTED', '405 UNSUPPORTED', '200'],
    async observe(it) {
      const digest = await it.pushImage('1');
      return it.inOrder([
        ['DELETE', `blobs/${DIGEST}`],
        ['DELETE', `manifests/${digest}`],
        ['DELETE', 'manifests/1'],
        ['GET', 'manifests/1', accept],
      ]);
    },
  },
  {
    name: 'delete: from a read-only registry',
    setting: 'read-only',
    expected: ['405', '405', '405', '200'],
    observe: async (it) =>
      statuses(
        await it.inOrder([
          ['DELETE', `/v2/${STORED}/blobs/${storedImage.config}`],
          ['DELETE', `/v2/${STORED}/manifests/${storedImage.digest}`],
          ['DELETE', `/v2/${STORED}/manifests/1`],
          ['GET', `/v2/${STORED}/manifests/1`, accept],
        ]),
      ),
  },
];

export const deleting: Topic = {
  name: 'deleting',
  covers: [
    'TestBlobDelete',
    'TestBlobDeleteDisabled',
    'TestDeleteDisabled',
    'TestDeleteReadOnly',
    'TestManifestAPI_DeleteTag',
    'TestManifestAPI_DeleteTag_Unknown',
    'TestManifestAPI_DeleteTag_ReadOnly',
    'TestManifestAPI_DeleteTag_DeleteDisabled',
    'TestManifestDelete',
    'TestManifestDeleteDisabled',
  ],
  checks,
};
