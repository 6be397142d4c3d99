import type { RegistryLister } from '../../registry/registry.ts';
import type { RouteHandler, RouteTable } from './route-table.ts';
import { getBlob, headBlob } from './routes/blobs.ts';
import { listReferrers, listRepositories, listTags } from './routes/lists.ts';
import { deleteBlob, deleteManifest, putManifest } from './routes/manifest-writes.ts';
import { getManifest, headManifest } from './routes/manifests.ts';
import { appendUpload, cancelUpload, finishUpload, getUpload, startUpload } from './routes/uploads.ts';
import { sendJson } from './send-json.ts';

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

/** `GET /v2/`: end-1 of the distribution spec. */
const ping: RouteHandler<'ping'> = async (_request, { exchange }) => sendJson(exchange, {});

/** `OPTIONS` of any endpoint: RFC 9110, section 9.3.7. */
const listMethods: RouteHandler<'list-methods'> = async ({ allowed }, { exchange }) => {
  const headers = exchange.commonHeaders();
  headers['allow'] = allowed.join(', ');
  headers['content-length'] = 0;
  exchange.res.writeHead(200, headers).end();
};
