import { expect, it } from 'vitest';

import { HostedRegistry, type HostedRegistryOptions } from '../../src/hosted/hosted-registry.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { callsOf } from '../filters/fake-registry.ts';

const digest = digestOf(Buffer.from('{}'));
const registry = new HostedRegistry({
  store: {},
  content: {},
  policy: {},
  uploads: {},
} as unknown as HostedRegistryOptions);

const upload = { id: 'u', state: undefined };
const ARGUMENTS: Readonly<Record<string, readonly unknown[]>> = {
  resolveManifest: [{ kind: 'tag', tag: '1' }],
  getManifest: [{ kind: 'digest', digest }],
  resolveBlob: [digest],
  openBlob: [digest],
  listTags: [{}],
  listReferrers: [digest, {}],
  putManifest: [{}],
  deleteManifest: [{ kind: 'tag', tag: '1' }],
  deleteBlob: [digest],
  start: ['sha256'],
  find: [upload],
  append: [upload, {}],
  finish: [upload, {}],
  cancel: [upload],
  mount: [digest, {}],
};

it.each(Object.entries(ARGUMENTS))('%s does nothing for a client that has left', async (name, args) => {
  const options = { signal: AbortSignal.abort(new Error('the client has left')) };
  await expect(callsOf(registry).get(name)?.('team/app', ...args, options)).rejects.toThrow('the client has left');
});
