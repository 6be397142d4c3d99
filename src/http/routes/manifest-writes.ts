import { noWriter } from '../no-writer.ts';
import type { RouteHandler } from '../route-table.ts';

/** `PUT /v2/<name>/manifests/<reference>`: end-7a and end-7b of the distribution spec. */
export const putManifest: RouteHandler<'put-manifest'> = async ({ repository }, { target }) => {
  target(repository);
  throw noWriter(repository);
};

/** `DELETE /v2/<name>/manifests/<reference>`: end-9 of the distribution spec. */
export const deleteManifest: RouteHandler<'delete-manifest'> = async ({ repository }, { target }) => {
  target(repository);
  throw noWriter(repository);
};

/** `DELETE /v2/<name>/blobs/<digest>`: end-10 of the distribution spec. */
export const deleteBlob: RouteHandler<'delete-blob'> = async ({ repository }, { target }) => {
  target(repository);
  throw noWriter(repository);
};
