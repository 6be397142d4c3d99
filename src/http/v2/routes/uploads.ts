import type { OutgoingHttpHeaders } from 'node:http';

import type { Descriptor } from '../../../oci/descriptor.ts';
import { RegistryError } from '../../../oci/errors.ts';
import type { RequestOf } from '../../../oci/request.ts';
import type { UploadReference } from '../../../oci/write-request.ts';
import type { UploadSession, UploadWriter } from '../../../registry/registry.ts';
import type { RouteContext, RouteHandler } from '../route-table.ts';
import { requestBody } from '../upload-body.ts';

/** `POST /v2/<name>/blobs/uploads/`: end-4a, end-4b and end-11 of the distribution spec. */
export const startUpload: RouteHandler<'start-upload'> = async (request, context) => {
  const { repository, mount, digest, algorithm } = request;
  const { writer, name } = uploadsOf(repository, context);
  if (mount !== undefined && (await tryMount(request, context))) return;
  const session = await writer.start(name, algorithm);
  if (digest === undefined || mount !== undefined) {
    const { minChunkBytes } = writer;
    const more = minChunkBytes > 0 ? { 'oci-chunk-min-length': minChunkBytes } : {};
    sendSession(context, { repository, session }, { status: 202, headers: { 'content-length': 0, ...more } });
    return;
  }
  try {
    const body = await requestBody(context.exchange.req, async () => session.size);
    await sendBlob(context, repository, await writer.finish(name, session, { ...body, digest }));
  } catch (err) {
    // The client does not know the session.
    await writer.cancel(name, session).catch(() => {});
    throw err;
  }
};

/** `GET /v2/<name>/blobs/uploads/<id>`: end-13 of the distribution spec. */
export const getUpload: RouteHandler<'get-upload'> = async ({ repository, upload }, context) => {
  const { writer, name } = uploadsOf(repository, context);
  const session = await writer.find(name, upload);
  sendSession(context, { repository, session }, { status: 204 });
};

/** `PATCH /v2/<name>/blobs/uploads/<id>`: end-5 of the distribution spec. */
export const appendUpload: RouteHandler<'append-upload'> = async ({ repository, upload }, context) => {
  const { writer, name } = uploadsOf(repository, context);
  const found = { repository, name, upload, writer };
  const session = await withNextOffset(context, found, async () =>
    writer.append(name, upload, await chunkOf(context, found)),
  );
  sendSession(context, { repository, session }, { status: 202, headers: { 'content-length': 0 } });
};

/** `PUT /v2/<name>/blobs/uploads/<id>?digest=<digest>`: end-6 of the distribution spec. */
export const finishUpload: RouteHandler<'finish-upload'> = async ({ repository, upload, digest }, context) => {
  const { writer, name } = uploadsOf(repository, context);
  const found = { repository, name, upload, writer };
  const blob = await withNextOffset(context, found, async () =>
    writer.finish(name, upload, { ...(await chunkOf(context, found)), digest }),
  );
  await sendBlob(context, repository, blob);
};

/** `DELETE /v2/<name>/blobs/uploads/<id>`: end-14 of the distribution spec. */
export const cancelUpload: RouteHandler<'cancel-upload'> = async ({ repository, upload }, context) => {
  const { writer, name } = uploadsOf(repository, context);
  await writer.cancel(name, upload);
  const { exchange } = context;
  exchange.res.writeHead(204, { ...exchange.commonHeaders(), 'docker-upload-uuid': upload.id }).end();
};

function uploadsOf(
  repository: string,
  { target }: RouteContext,
): { readonly writer: UploadWriter; readonly name: string } {
  const { registry, repository: name } = target(repository);
  return { writer: registry.uploads, name };
}

/** @returns false when the client has to send the blob */
async function tryMount(request: RequestOf<'start-upload'>, context: RouteContext): Promise<boolean> {
  const { repository, mount: digest, from } = request;
  if (digest === undefined) return false;
  const { writer, name } = uploadsOf(repository, context);
  const { mountSource } = context;
  const source = from === undefined ? undefined : mountSource(from);
  if (from !== undefined && source === undefined) return false;
  const mayPull = (holder: string) => holder === source?.storedAs || mountSource(holder)?.storedAs === holder;
  const blob = await writer.mount(name, digest, { from: source?.storedAs, mayPull });
  if (!blob) return false;
  await context.notify({ action: 'mount', repository, ...blob, fromRepository: blob.from });
  sendCreated(context, repository, blob);
  return true;
}

async function sendBlob(context: RouteContext, repository: string, blob: Descriptor): Promise<void> {
  await context.notify({ action: 'push', repository, ...blob });
  sendCreated(context, repository, blob);
}

function sendCreated({ exchange, locate }: RouteContext, repository: string, { digest }: Descriptor): void {
  const headers = exchange.commonHeaders();
  headers['location'] = locate(`/v2/${repository}/blobs/${digest}`);
  headers['docker-content-digest'] = digest;
  headers['content-length'] = 0;
  exchange.res.writeHead(201, headers).end();
}

interface SessionOf {
  readonly repository: string;
  readonly session: UploadSession;
}

function sendSession(
  context: RouteContext,
  of: SessionOf,
  { status, headers = {} }: { readonly status: number; readonly headers?: OutgoingHttpHeaders },
): void {
  const { exchange } = context;
  const all = { ...exchange.commonHeaders(), ...sessionHeaders(context, of), ...headers };
  exchange.res.writeHead(status, all).end();
}

function sessionHeaders({ locate }: RouteContext, { repository, session }: SessionOf) {
  return {
    location: locate(`/v2/${repository}/blobs/uploads/${session.id}?_state=${session.state}`),
    // Like distribution, the same for no byte and for one: the header cannot express an empty range.
    range: `0-${Math.max(0, session.size - 1)}`,
    'docker-upload-uuid': session.id,
  };
}

interface UploadTarget {
  /** Name in the request. */
  readonly repository: string;
  /** Name in storage. */
  readonly name: string;
  readonly upload: UploadReference;
  readonly writer: UploadWriter;
}

function chunkOf({ exchange }: RouteContext, { name, upload, writer }: UploadTarget) {
  return requestBody(exchange.req, async () => (await writer.find(name, upload)).size);
}

/** Adds the session with its offset to the error of a chunk that does not come next: end-5 of the distribution spec. */
async function withNextOffset<T>(
  context: RouteContext,
  { repository, name, upload, writer }: UploadTarget,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (err) {
    if (!(err instanceof RegistryError) || err.code !== 'RANGE_INVALID') throw err;
    const session = await writer.find(name, upload).catch(() => undefined);
    if (!session) throw err;
    const headers = sessionHeaders(context, { repository, session });
    throw new RegistryError(err.code, err.message, { ...err.options, headers });
  }
}
