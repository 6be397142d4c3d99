import type { RegistryLister } from '../../registry/registry.ts';
import type { RouteTable } from './route-table.ts';
import { getBlob, headBlob } from './routes/blobs.ts';
import { listReferrers, listRepositories, listTags } from './routes/lists.ts';
import { deleteBlob, deleteManifest, putManifest } from './routes/manifest-writes.ts';
import { getManifest, headManifest } from './routes/manifests.ts';
import { listMethods } from './routes/methods.ts';
import { ping } from './routes/ping.ts';
import { appendUpload, cancelUpload, finishUpload, getUpload, startUpload } from './routes/uploads.ts';

export interface RoutesOptions {
  /** Its catalog lists all stored repositories. */
  readonly hosted: RegistryLister;
  readonly catalogMaxEntries: number;
  readonly tagsMaxEntries: number;
  readonly http: { readonly limits: { readonly maxManifestBytes: number } };
}

export function createRoutes({ hosted, catalogMaxEntries, tagsMaxEntries, http }: RoutesOptions): RouteTable {
  return {
    ping,
    'list-repositories': listRepositories(hosted, catalogMaxEntries),
    'list-tags': listTags(tagsMaxEntries),
    'get-manifest': getManifest,
    'head-manifest': headManifest,
    'get-blob': getBlob,
    'head-blob': headBlob,
    'list-referrers': listReferrers,
    'start-upload': startUpload,
    'get-upload': getUpload,
    'append-upload': appendUpload,
    'finish-upload': finishUpload,
    'cancel-upload': cancelUpload,
    'put-manifest': putManifest(http.limits.maxManifestBytes),
    'delete-manifest': deleteManifest,
    'delete-blob': deleteBlob,
    'list-methods': listMethods,
  };
}
