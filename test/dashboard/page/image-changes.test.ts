import { expect, it } from 'vitest';

import { compareLayers, compareSettings } from '../../../src/dashboard/page/pages/image-changes.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import type { ImageConfig, ManifestPart } from '../../../src/operations/manifest-control.ts';

const digest = (letter: string) => digestOf(Buffer.from(letter));
const layer = (letter: string, size: number): ManifestPart => ({
  kind: 'layer',
  digest: digest(letter),
  mediaType: 'x',
  size,
  cached: true,
  sharedWith: [],
});
const config = (more: Partial<ImageConfig>): ImageConfig => ({
  env: [],
  labels: {},
  exposedPorts: [],
  volumes: [],
  history: [],
  ...more,
});

it('layers are kept, added or removed', () => {
  const from = { parts: [layer('a', 1), layer('b', 2)], config: undefined, annotations: {} };
  const to = { parts: [layer('a', 1), layer('c', 3)], config: undefined, annotations: {} };
  expect(compareLayers(from, to).map(({ change, size }) => [change, size])).toEqual([
    ['kept', 1],
    ['added', 3],
    ['removed', 2],
  ]);
});

it('settings that differ are listed, others are not', () => {
  const from = {
    parts: [],
    annotations: { a: '1' },
    config: config({ user: 'root', cmd: ['x'], env: ['P=1', 'Q=1'] }),
  };
  const to = { parts: [], annotations: {}, config: config({ user: 'root', cmd: ['y'], env: ['P=2', 'Q=1'] }) };
  expect(compareSettings(from, to)).toEqual([
    { name: 'annotation a', from: '1', to: undefined },
    { name: 'cmd', from: '["x"]', to: '["y"]' },
    { name: 'env P', from: '1', to: '2' },
  ]);
});
