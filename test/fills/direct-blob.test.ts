import { expect, it } from 'vitest';

import type { RemoteBlob } from '../../src/fills/blob-download.ts';
import { SYSTEM_CLOCK } from '../../src/clock/clock.ts';
import { DirectBlob } from '../../src/fills/direct-blob.ts';
import { digestOf } from '../../src/oci/digest.ts';

const digest = digestOf(Buffer.from('layer'));

/** A blob whose upstream sends no headers until the request is aborted. */
function silentBlob() {
  const requests: AbortSignal[] = [];
  const openBlob = async (_repository: string, _digest: string, { signal }: { signal: AbortSignal }) => {
    requests.push(signal);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    throw signal.reason;
  };
  const upstream = { name: 'docker.io', openBlob } as unknown as RemoteBlob['upstream'];
  return { blob: { upstream, repository: 'library/alpine', digest }, requests };
}

it('the request for a blob that only one client wants ends with that client', async () => {
  const { blob, requests } = silentBlob();
  const left = new AbortController();
  const opening = DirectBlob.open(blob, { signal: left.signal, clock: SYSTEM_CLOCK });
  expect(requests.map(({ aborted }) => aborted)).toEqual([false]);
  left.abort(new Error('the client has left'));
  await expect(opening).rejects.toThrow('the client has left');
  expect(requests.map(({ aborted }) => aborted)).toEqual([true]);
});

it('nothing is requested for a client that has left', async () => {
  const { blob, requests } = silentBlob();
  const signal = AbortSignal.abort(new Error('the client has left'));
  await expect(DirectBlob.open(blob, { signal, clock: SYSTEM_CLOCK })).rejects.toThrow('the client has left');
  expect(requests).toEqual([]);
});
