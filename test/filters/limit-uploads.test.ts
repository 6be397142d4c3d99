import { describe, expect, it } from 'vitest';

import { limitUploads } from '../../src/filters/limit-uploads.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { Registry, UploadBody } from '../../src/registry/registry.ts';
import { fakeRegistry } from './fake-registry.ts';

const MAX = 10;
const upload = { id: 'u', state: undefined };
const digest = digestOf(Buffer.from(''));

function bodyOf(chunks: readonly string[], length?: number): UploadBody {
  async function* bytes() {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  return { bytes: bytes(), offset: undefined, length };
}

/** An upload that has `size` bytes; `received` gets what reaches the registry. */
function scene(size: number, { cancel = async () => {} }: { cancel?: () => Promise<void> } = {}) {
  const { registry } = fakeRegistry();
  const [received, cancelled]: [string[], string[]] = [[], []];
  const read = async (_repository: string, _upload: object, { bytes }: UploadBody) => {
    for await (const chunk of bytes) received.push(Buffer.from(chunk).toString());
    return {};
  };
  const find = async () => ({ id: 'u', size, state: '' });
  const uploads = {
    ...registry.uploads,
    find,
    append: read,
    finish: read,
    cancel: async (repository: string) => {
      cancelled.push(repository);
      await cancel();
    },
  };
  const limited = limitUploads({ ...registry, uploads } as unknown as Registry, MAX);
  return {
    received,
    cancelled,
    send: {
      append: (repository: string, to: typeof upload, body: UploadBody) => limited.uploads.append(repository, to, body),
      finish: (repository: string, to: typeof upload, body: UploadBody) =>
        limited.uploads.finish(repository, to, { ...body, digest }),
    },
  };
}

describe.each(['append', 'finish'] as const)('a limit on uploads, by %s', (call) => {
  it('lets a blob through that has as many bytes as are allowed', async () => {
    const { send, received, cancelled } = scene(4);
    await send[call]('team/app', upload, bodyOf(['abc', 'def'], 6));
    expect(received).toEqual(['abc', 'def']);
    expect(cancelled).toEqual([]);
  });

  it.each([
    ['by its announced length, before a byte is read', bodyOf(['abcdefg'], 7), []],
    ['by its bytes, when it announces none', bodyOf(['abc', 'defg']), ['abc']],
  ])('refuses a blob that is too large %s, and cancels it', async (_, body, expected) => {
    const { send, received, cancelled } = scene(4);
    const sent = send[call]('team/app', upload, body);
    await expect(sent).rejects.toMatchObject({ code: 'SIZE_INVALID', status: 413 });
    expect(received).toEqual(expected);
    expect(cancelled).toEqual(['team/app']);
  });

  it('reports the limit also when the upload cannot be cancelled', async () => {
    const { send } = scene(4, { cancel: () => Promise.reject(new Error('storage unavailable')) });
    await expect(send[call]('team/app', upload, bodyOf(['abcdefg'], 7))).rejects.toMatchObject({ status: 413 });
  });

  it('keeps an upload that fails for another reason', async () => {
    const { send, cancelled } = scene(4);
    const broken: UploadBody = {
      ...bodyOf([]),
      bytes: {
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.reject(new Error('the client closed the connection')),
        }),
      },
    };
    await expect(send[call]('team/app', upload, broken)).rejects.toThrow('the client closed the connection');
    expect(cancelled).toEqual([]);
  });
});

it('without a limit the registry is the same', () => {
  const { registry } = fakeRegistry();
  expect(limitUploads(registry, 0)).toBe(registry);
});
