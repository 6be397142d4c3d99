import { RegistryError } from '../oci/errors.ts';
import type { UploadReference } from '../oci/write-request.ts';
import type { CallOptions, Registry, UploadBody, UploadWriter } from '../registry/registry.ts';
import { delegate, delegateUploads } from './delegate.ts';

/**
 * The same registry with a limit on the size of a pushed blob, in however many chunks it comes. An upload that exceeds it is cancelled, so
 * that nothing of it remains, and rejects with `SIZE_INVALID` and status 413.
 *
 * @param maxBytes 0: no limit
 */
export function limitUploads(registry: Registry, maxBytes: number): Registry {
  if (maxBytes === 0) return registry;
  return { ...delegate(registry), uploads: limited(registry.uploads, maxBytes) };
}

interface Sending<B extends UploadBody> {
  readonly repository: string;
  readonly upload: UploadReference;
  readonly body: B;
  readonly options: CallOptions | undefined;
}

function limited(writer: UploadWriter, maxBytes: number): UploadWriter {
  const limit = async <B extends UploadBody, T>(
    { repository, upload, body, options }: Sending<B>,
    send: (body: B) => Promise<T>,
  ): Promise<T> => {
    const { size } = await writer.find(repository, upload, options);
    const tooLong = tooLongError(maxBytes);
    try {
      if (size + (body.length ?? 0) > maxBytes) throw tooLong;
      return await send({ ...body, bytes: upTo(body.bytes, maxBytes - size, tooLong) });
    } catch (err) {
      if (err === tooLong) await writer.cancel(repository, upload).catch(() => {}); // it is purged later
      throw err;
    }
  };
  return {
    ...delegateUploads(writer),
    append: (repository, upload, body, options) =>
      limit({ repository, upload, body, options }, (it) => writer.append(repository, upload, it, options)),
    finish: (repository, upload, body, options) =>
      limit({ repository, upload, body, options }, (it) => writer.finish(repository, upload, it, options)),
  };
}

async function* upTo(
  bytes: AsyncIterable<Uint8Array>,
  maxBytes: number,
  tooLong: RegistryError,
): AsyncIterable<Uint8Array> {
  let left = maxBytes;
  for await (const chunk of bytes) {
    left -= chunk.length;
    if (left < 0) throw tooLong;
    yield chunk;
  }
}

function tooLongError(maxBytes: number): RegistryError {
  return new RegistryError('SIZE_INVALID', `a blob may have at most ${maxBytes} bytes`, { status: 413 });
}
