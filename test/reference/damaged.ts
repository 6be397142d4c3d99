import type { Check, Topic } from './check.ts';
import { DAMAGED } from './settings.ts';

const checks: readonly Check[] = [
  {
    name: 'damaged: a tag whose manifest is gone',
    expected: ['404 MANIFEST_UNKNOWN', '404'],
    observe: (it) =>
      it.inOrder([
        ['GET', `/v2/${DAMAGED}/manifests/dangling`],
        ['HEAD', `/v2/${DAMAGED}/manifests/dangling`],
      ]),
  },
  {
    name: 'damaged: a tag whose link is no digest',
    expected: ['500', '500'],
    async observe(it) {
      const lines = await it.inOrder([
        ['GET', `/v2/${DAMAGED}/manifests/nonsense`],
        ['HEAD', `/v2/${DAMAGED}/manifests/nonsense`],
      ]);
      return lines.map((line) => line.replace(/^500 (UNAVAILABLE|UNKNOWN)$/, '500'));
    },
  },
];

export const damaged: Topic = { name: 'damaged', covers: ['TestGetManifestWithStorageError'], checks };
