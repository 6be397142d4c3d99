import type { IncomingMessage } from 'node:http';

import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { startServer } from '../support/start-server.ts';

export interface ServedManifest {
  readonly bytes: Buffer;
  /** `Content-Type`; none when undefined. */
  readonly label?: string | undefined;
  /** For `HEAD`, where it says something else. */
  readonly head?: { readonly label?: string; readonly length?: number };
  /** No `Docker-Content-Digest`. */
  readonly isAnonymous?: boolean;
  /** No `Content-Length`. */
  readonly isChunked?: boolean;
}

/**
 * A registry that takes every manifest, and serves it by tag and by digest as it is told to. Blobs are those of `blobs`.
 *
 * @param manifests by tag
 */
export async function startManifestUpstream(
  manifests: ReadonlyMap<string, ServedManifest>,
  blobs: ReadonlyMap<string, Buffer> = new Map(),
) {
  /** `HEAD /v2/…` */
  const lines: string[] = [];
  const byDigest = new Map<Digest, ServedManifest>(
    [...manifests.values()].map((served) => [digestOf(served.bytes), served]),
  );
  const server = await startServer((req, res) => {
    lines.push(`${req.method} ${req.url}`);
    const [, kind, reference = ''] = /\/(manifests|blobs)\/([^/]+)$/.exec(req.url ?? '') ?? [];
    const manifest = kind === 'manifests' && (manifests.get(reference) ?? byDigest.get(reference as Digest));
    const blob = kind === 'blobs' ? blobs.get(reference) : undefined;
    if (manifest) {
      res.writeHead(200, headersOf(manifest, req));
      res.end(req.method === 'HEAD' ? undefined : manifest.bytes);
    } else if (blob) {
      res.writeHead(200, { 'content-length': blob.length }).end(req.method === 'HEAD' ? undefined : blob);
    } else res.writeHead(kind === undefined ? 200 : 404).end('{}');
  });
  return { ...server, lines };
}

function headersOf({ bytes, label, head, isAnonymous, isChunked }: ServedManifest, { method }: IncomingMessage) {
  const isHead = method === 'HEAD';
  const type = isHead ? (head?.label ?? label) : label;
  const length = isHead ? (head?.length ?? bytes.length) : bytes.length;
  return {
    ...(type !== undefined && { 'content-type': type }),
    ...(!isChunked && { 'content-length': length }),
    ...(!isAnonymous && { 'docker-content-digest': digestOf(bytes) }),
  };
}
