import { referenceText } from '../../oci/reference.ts';
import type { WriteRequest } from '../../oci/write-request.ts';
import type { Relay } from '../../pull-through/relay.ts';

/** Where a write goes at the upstream. */
export interface RelayLocation {
  readonly url: URL;
  /** Bytes of the blob that the upstream reported to have. */
  readonly size: number;
}

/**
 * @param from repository from which a blob is mounted
 * @throws {RegistryError} `BLOB_UPLOAD_INVALID` when the upload was not started here
 */
export async function findRelayLocation(
  request: WriteRequest,
  { relay, repository }: { readonly relay: Relay; readonly repository: string },
  from: string | undefined,
): Promise<RelayLocation> {
  const at = (path: string) => new URL(`${relay.remoteUrl}/v2/${repository}/${path}`);
  switch (request.kind) {
    case 'start-upload': {
      const url = at('blobs/uploads/');
      if (request.digest) url.searchParams.set('digest', request.digest);
      if (!request.mount || from === undefined) return { url, size: 0 };
      url.searchParams.set('mount', request.mount);
      url.searchParams.set('from', from);
      return { url, size: 0 };
    }
    case 'put-manifest':
    case 'delete-manifest': {
      const url = at(`manifests/${referenceText(request.reference)}`);
      for (const tag of request.kind === 'put-manifest' ? request.tags : []) url.searchParams.append('tag', tag);
      return { url, size: 0 };
    }
    case 'delete-blob':
      return { url: at(`blobs/${request.digest}`), size: 0 };
    default: {
      const upload = await relay.unseal(repository, request.upload.state);
      const url = relay.continueAt(upload.url, { from: at('blobs/uploads/'), status: 202 });
      if (request.kind === 'finish-upload') url.searchParams.set('digest', request.digest);
      return { url, size: upload.size };
    }
  }
}
