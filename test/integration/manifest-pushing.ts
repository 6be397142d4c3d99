import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { send, type Sent } from './pushing.ts';

export interface Piece {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

export interface ManifestPiece extends Piece {
  readonly mediaType: string;
}

export const piece = (text: string): Piece => ({ bytes: Buffer.from(text), digest: digestOf(Buffer.from(text)) });

export const described = ({ digest, bytes }: Piece, mediaType: string) => ({ mediaType, digest, size: bytes.length });

export const CONFIG = piece('{}');
export const LAYER = piece('a layer');

function manifest(mediaType: string, value: object): ManifestPiece {
  return { ...piece(JSON.stringify({ schemaVersion: 2, mediaType, ...value }, null, 2)), mediaType };
}

/** An image of {@link CONFIG} and {@link LAYER}; another one for every name. */
export function imageOf(name: string, more: object = {}): ManifestPiece {
  return manifest(OCI_MANIFEST, {
    config: described(CONFIG, 'application/vnd.oci.image.config.v1+json'),
    layers: [described(LAYER, 'application/vnd.oci.image.layer.v1.tar')],
    annotations: { name },
    ...more,
  });
}

export function indexOf(...manifests: ManifestPiece[]): ManifestPiece {
  return manifest(OCI_INDEX, { manifests: manifests.map((entry) => described(entry, entry.mediaType)) });
}

export function attachedTo(subject: ManifestPiece, artifactType: string, more: object = {}): ManifestPiece {
  return imageOf(artifactType, { artifactType, subject: described(subject, subject.mediaType), ...more });
}

/** Asks one repository of a registry. */
export class Repository {
  readonly #base: string;

  constructor(registry: string, name: string) {
    this.#base = `${registry}/v2/${name}`;
  }

  async addBlobs(...blobs: readonly Piece[]): Promise<void> {
    for (const { digest, bytes } of blobs) {
      const { status, body } = await send('POST', `${this.#base}/blobs/uploads/?digest=${digest}`, { body: bytes });
      if (status !== 201) throw new Error(`a blob was answered with ${status}: ${body}`);
    }
  }

  /** @param reference a tag or a digest, with a query if need be */
  put({ bytes, mediaType }: { bytes: Buffer; mediaType?: string }, reference: string): Promise<Sent> {
    const headers = mediaType === undefined ? {} : { 'content-type': mediaType };
    return send('PUT', `${this.#base}/manifests/${reference}`, { body: bytes, headers });
  }

  get(path: string): Promise<Sent> {
    return send('GET', `${this.#base}/${path}`);
  }

  delete(path: string): Promise<Sent> {
    return send('DELETE', `${this.#base}/${path}`);
  }

  /** Of HEAD and GET, which are to agree. */
  async status(path: string): Promise<number> {
    const [head, get] = [await send('HEAD', `${this.#base}/${path}`), await this.get(path)];
    if (head.status !== get.status) throw new Error(`HEAD ${head.status}, GET ${get.status}: ${path}`);
    return get.status;
  }

  async tags(): Promise<readonly string[]> {
    return (JSON.parse((await this.get('tags/list')).body) as { tags: string[] }).tags;
  }

  async referrers(subject: Digest, query = ''): Promise<readonly string[]> {
    const { body } = await this.get(`referrers/${subject}${query}`);
    return (JSON.parse(body) as { manifests: { digest: string }[] }).manifests.map(({ digest }) => digest);
  }
}

/** Every code with the digest that it is about. */
export function errorsOf({ status, body }: Sent): readonly unknown[] {
  const { errors } = JSON.parse(body) as { errors: { code: string; detail?: { digest?: string } }[] };
  return [status, ...errors.map(({ code, detail }) => (detail?.digest ? [code, detail.digest] : code))];
}
