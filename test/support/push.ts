import { OCI_MANIFEST } from '../../src/oci/media-types.ts';

/** What a push needs to know of content. */
export interface Pushed {
  readonly digest: string;
  readonly bytes: Uint8Array;
}

export interface PushedImage extends Pushed {
  readonly blobs: readonly Pushed[];
}

/** A registry as a client that pushes sees it. Whatever is not as hoped for is an error with the answer in it. */
export class Pusher {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async blob(repository: string, { digest, bytes }: Pushed): Promise<void> {
    const query = `?digest=${digest}`;
    await this.#ask(201, `${repository}/blobs/uploads/${query}`, {
      method: 'POST',
      body: bytes,
      headers: { 'content-type': 'application/octet-stream' },
    });
  }

  /** @returns false when it has to be sent */
  async mount(repository: string, digest: string, from: string): Promise<boolean> {
    const query = `?mount=${digest}&from=${encodeURIComponent(from)}`;
    const answer = await this.#ask([201, 202], `${repository}/blobs/uploads/${query}`, { method: 'POST' });
    if (answer.status === 201) return true;
    await this.cancel(answer.headers.get('location') ?? '');
    return false;
  }

  async cancel(location: string): Promise<void> {
    await fetch(new URL(location, this.#url), { method: 'DELETE' });
  }

  async manifest(repository: string, { bytes }: PushedImage, reference: string): Promise<void> {
    await this.#ask(201, `${repository}/manifests/${reference}`, {
      method: 'PUT',
      body: bytes,
      headers: { 'content-type': OCI_MANIFEST },
    });
  }

  async image(repository: string, image: PushedImage, tag: string): Promise<void> {
    for (const blob of image.blobs) await this.blob(repository, blob);
    await this.manifest(repository, image, tag);
  }

  async delete(repository: string, reference: string): Promise<void> {
    await this.#ask(202, `${repository}/manifests/${reference}`, { method: 'DELETE' });
  }

  /** @throws {Error} unless everything that the tag leads to is there, byte for byte */
  async expectWhole(repository: string, image: PushedImage, tag: string): Promise<void> {
    await this.#expectBytes(`${repository}/manifests/${tag}`, image);
    for (const blob of image.blobs) await this.#expectBytes(`${repository}/blobs/${blob.digest}`, blob);
  }

  async #expectBytes(path: string, { bytes }: Pushed): Promise<void> {
    const answer = await this.#ask(200, path, {});
    if (!Buffer.from(await answer.arrayBuffer()).equals(bytes)) throw new Error(`${path}: other bytes`);
  }

  async #ask(expected: number | readonly number[], path: string, init: RequestInit): Promise<Response> {
    const answer = await fetch(`${this.#url}/v2/${path}`, init);
    if ([expected].flat().includes(answer.status)) return answer;
    throw new PushError(answer.status, `${init.method ?? 'GET'} ${path}: ${answer.status} ${await answer.text()}`);
  }
}

export class PushError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
