import { digestOf } from '../../src/oci/digest.ts';
import { OCI_MANIFEST } from '../../src/oci/media-types.ts';
import type { Check, Topic } from './check.ts';
import { imageManifest, LAYER } from './content.ts';
import { STORED, storedImage } from './settings.ts';

const accept = { headers: { accept: OCI_MANIFEST } };
const image = imageManifest();

const checks: readonly Check[] = [
  {
    name: 'cache: pushes and deletes',
    setting: 'cache',
    expected: ['405 UNSUPPORTED', '405 UNSUPPORTED', '405 UNSUPPORTED', '405 UNSUPPORTED'],
    async observe(it) {
      const pushed = await it.line(await it.putManifest('1', image.bytes));
      const others = await it.inOrder([
        ['DELETE', 'manifests/1'],
        ['POST', 'blobs/uploads/'],
        ['DELETE', `blobs/${digestOf(LAYER)}`],
      ]);
      return [pushed, ...others];
    },
  },
  {
    name: 'cache: a manifest by tag and by digest, and its parts',
    setting: 'cache',
    expected: [
      ...['1', 'digest'].map(() => `200 docker-content-digest=${storedImage.digest}`),
      ...storedImage.layers.map((digest) => `200 docker-content-digest=${digest}`),
    ],
    observe: (it) =>
      it.inOrder(
        [
          ['GET', `/v2/${STORED}/manifests/1`, accept],
          ['GET', `/v2/${STORED}/manifests/${storedImage.digest}`, accept],
          ...storedImage.layers.map((digest) => ['GET', `/v2/${STORED}/blobs/${digest}`] as const),
        ],
        'docker-content-digest',
      ),
  },
  {
    name: 'cache: what the upstream does not have',
    setting: 'cache',
    expected: ['404 MANIFEST_UNKNOWN', '404', '404 BLOB_UNKNOWN'],
    observe: (it) =>
      it.inOrder([
        ['GET', `/v2/${STORED}/manifests/2`, accept],
        ['HEAD', `/v2/${STORED}/manifests/2`, accept],
        ['GET', `/v2/${STORED}/blobs/${digestOf(LAYER)}`],
      ]),
  },
];

export const cache: Topic = {
  name: 'cache',
  covers: ['TestRegistryAsCacheMutationAPIs', 'TestProxyManifestGetByTag'],
  checks,
};
