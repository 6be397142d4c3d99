import { noWriter } from '../no-writer.ts';
import type { RouteHandler } from '../route-table.ts';

/** `POST /v2/<name>/blobs/uploads/`: end-4a, end-4b and end-11 of the distribution spec. */
export const startUpload: RouteHandler<'start-upload'> = async ({ repository }, { target }) => {
  target(repository);
  throw noWriter(repository);
};

/** `GET /v2/<name>/blobs/uploads/<id>`: end-13 of the distribution spec. */
export const getUpload: RouteHandler<'get-upload'> = async ({ repository }, { target }) => {
  target(repository);
  throw noWriter(repository);
};

/** `PATCH /v2/<name>/blobs/uploads/<id>`: end-5 of the distribution spec. */
export const appendUpload: RouteHandler<'append-upload'> = async ({ repository }, { target }) => {
  target(repository);
  throw noWriter(repository);
};

/** `PUT /v2/<name>/blobs/uploads/<id>?digest=<digest>`: end-6 of the distribution spec. */
export const finishUpload: RouteHandler<'finish-upload'> = async ({ repository }, { target }) => {
  target(repository);
  throw noWriter(repository);
};

/** `DELETE /v2/<name>/blobs/uploads/<id>`: end-14 of the distribution spec. */
export const cancelUpload: RouteHandler<'cancel-upload'> = async ({ repository }, { target }) => {
  target(repository);
  throw noWriter(repository);
};
