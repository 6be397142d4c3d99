import { createHash, randomBytes, randomInt } from 'node:crypto';

import type { Digest } from '../../src/oci/digest.ts';
import { OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { Pusher, type Pushed, type PushedImage } from '../support/push.ts';
import { ending, locationOf, send, startUpload } from './pushing.ts';

/** Content at a path below `/v2/`, from the moment when it was acknowledged. */
export interface Acknowledged extends Pushed {
  readonly path: string;
  readonly mark: number;
}

/** Something that a tag was pushed as. `acknowledged` is absent when the push was not. */
export interface TagPush {
  readonly digest: string;
  readonly begun: number;
  acknowledged?: number;
}

/** Clients that push images, until the registry is gone. Every moment is a number that `mark` returns. */
export class PushStorm {
  readonly acknowledged: Acknowledged[] = [];
  /** By path below `/v2/`. Each tag has one client. */
  readonly tags = new Map<string, TagPush[]>();
  /** Digests of everything that was sent, acknowledged or not. */
  readonly sent = new Map<string, Pushed>();
  readonly #url: string;
  readonly #mark: () => Promise<number>;
  readonly #pusher: Pusher;

  constructor(url: string, mark: () => Promise<number>) {
    this.#url = url;
    this.#mark = mark;
    this.#pusher = new Pusher(url);
  }

  /** Pushes image after image to a repository. Resolves when the registry does not respond any more. */
  async run(repository: string): Promise<void> {
    for (let i = 0; ; i++) {
      try {
        await this.#pushImage(repository, i);
      } catch (err) {
        if (err instanceof TypeError || isBrokenConnection(err)) return;
        throw err;
      }
    }
  }

  async #pushImage(repository: string, i: number): Promise<void> {
    const blobs = Array.from({ length: 2 }, () => pushed(randomBytes(randomInt(10, 60_000))));
    const image = imageOf(blobs);
    for (const each of [...blobs, image]) this.sent.set(`${repository} ${each.digest}`, each);
    const [first, second] = blobs as [Pushed, Pushed];
    await this.#pusher.blob(repository, first);
    await this.#acknowledge(`${repository}/blobs/${first.digest}`, first);
    await this.#pushInChunks(repository, second);
    await this.#acknowledge(`${repository}/blobs/${second.digest}`, second);
    if (i % 3 === 0) await this.#mount(`${repository}-mounted`, first, repository);
    await this.#pushTag(repository, image, i % 2 === 0 ? 'latest' : `v${i}`);
  }

  async #mount(repository: string, blob: Pushed, from: string): Promise<void> {
    if (await this.#pusher.mount(repository, blob.digest, from))
      await this.#acknowledge(`${repository}/blobs/${blob.digest}`, blob);
  }

  async #pushInChunks(repository: string, { bytes, digest }: Pushed): Promise<void> {
    let upload = await startUpload(this.#url, repository);
    const half = Math.floor(bytes.length / 2);
    for (const chunk of [bytes.subarray(0, half), bytes.subarray(half)])
      upload = locationOf(await send('PATCH', upload, { body: Buffer.from(chunk) }), this.#url);
    const ended = await send('PUT', ending(upload, digest as Digest));
    if (ended.status !== 201) throw new Error(`PUT: ${ended.status} ${ended.body}`);
  }

  async #pushTag(repository: string, image: PushedImage, tag: string): Promise<void> {
    const path = `${repository}/manifests/${tag}`;
    const pushes = this.tags.get(path) ?? [];
    const push: TagPush = { digest: image.digest, begun: await this.#mark() };
    this.tags.set(path, pushes);
    pushes.push(push);
    await this.#pusher.manifest(repository, image, tag);
    push.acknowledged = await this.#mark();
    await this.#acknowledge(`${repository}/manifests/${image.digest}`, image);
  }

  async #acknowledge(path: string, { digest, bytes }: Pushed): Promise<void> {
    this.acknowledged.push({ path, digest, bytes, mark: await this.#mark() });
  }
}

function pushed(bytes: Buffer): Pushed {
  return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` };
}

function imageOf(blobs: readonly Pushed[]): PushedImage {
  const descriptors = blobs.map(({ digest, bytes }) => ({
    mediaType: 'application/octet-stream',
    digest,
    size: bytes.length,
  }));
  const [config, ...layers] = descriptors;
  const json = JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers });
  return { ...pushed(Buffer.from(json)), blobs };
}

function isBrokenConnection(err: unknown): boolean {
  const { code = '' } = err as NodeJS.ErrnoException;
  return ['ECONNRESET', 'ECONNREFUSED', 'EPIPE'].includes(code);
}
