import { RegistryError } from '../oci/errors.ts';
import type { UploadReference } from '../oci/write-request.ts';
import type { UploadBody, UploadWriter } from '../registry/registry.ts';

/**
 * Takes no blob of more than `maxBytes`, in however many pieces it comes. An upload that becomes too long is cancelled, so that
 * nothing of it is left.
 *
 * @param maxBytes 0: no limit
 */
export function limitUploads(writer: UploadWriter, maxBytes: number): UploadWriter {
  if (maxBytes === 0) return writer;
  const limited = async <B extends UploadBody, T>(
    { repository, upload, body }: { readonly repository: string; readonly upload: UploadReference; readonly body: B },
    send: (body: B) => Promise<T>,
  ): Promise<T> => {
    const { size } = await writer.find(repository, upload);
    const tooLong = tooLongError(maxBytes);
    try {
      if (size + (body.length ?? 0) > maxBytes) throw tooLong;
      return await send({ ...body, bytes: upTo(body.bytes, maxBytes - size, tooLong) });
    } catch (err) {
      if (err === tooLong) await writer.cancel(repository, upload).catch(() => {}); // or it is purged later
      throw err;
    }
  };
  return {
    minChunkBytes: writer.minChunkBytes,
    start: (repository, algorithm) => writer.start(repository, algorithm),
    find: (repository, upload) => writer.find(repository, upload),
    append: (repository, upload, body) =>
      limited({ repository, upload, body }, (it) => writer.append(repository, upload, it)),
    finish: (repository, upload, body) =>
      limited({ repository, upload, body }, (it) => writer.finish(repository, upload, it)),
    cancel: (repository, upload) => writer.cancel(repository, upload),
    mount: (repository, digest, source) => writer.mount(repository, digest, source),
  };
}

async function* upTo(
  bytes: AsyncIterable<Uint8Array>,
  room: number,
  tooLong: RegistryError,
): AsyncIterable<Uint8Array> {
  let left = room;
  for await (const chunk of bytes) {
    left -= chunk.length;
    if (left < 0) throw tooLong;
    yield chunk;
  }
}

function tooLongError(maxBytes: number): RegistryError {
  return new RegistryError('SIZE_INVALID', `a blob may have at most ${maxBytes} bytes`, { status: 413 });
}
