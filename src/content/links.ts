import { type Digest, isDigest } from '../oci/digest.ts';
import { FileTooLargeError, PathNotFoundError, type StorageDriver } from '../storage/driver.ts';
import type { ContentWriter } from './content-writer.ts';
import type { DamageListener } from './damage.ts';

/** A link to a sha512 digest has 135. Bytes. */
const MAX_LINK_BYTES = 1024;

export interface LinkStoreOptions {
  readonly driver: StorageDriver;
  readonly onDamage: DamageListener;
}

/** Small files whose content is a digest, without a newline. */
export class LinkStore {
  readonly #options: LinkStoreOptions;

  constructor(options: LinkStoreOptions) {
    this.#options = options;
  }

  /** Undefined when there is no such link, or it is damaged. */
  async find(path: string): Promise<Digest | undefined> {
    const text = await this.#read(path);
    if (text === undefined || isDigest(text)) return text;
    this.#options.onDamage({ path, reason: 'bad-link' });
    return undefined;
  }

  /** Whether there is such a link, damaged or not. */
  async exists(path: string): Promise<boolean> {
    return (await this.#read(path)) !== undefined;
  }

  /** Empty for a file that is too large to be a link. Undefined when there is no file. */
  async #read(path: string): Promise<string | undefined> {
    try {
      const bytes = await orUndefined(this.#options.driver.readSmall(path, MAX_LINK_BYTES));
      return bytes?.toString('latin1').trim();
    } catch (err) {
      if (err instanceof FileTooLargeError) return '';
      throw err;
    }
  }

  async put(path: string, digest: Digest, writer: ContentWriter): Promise<void> {
    await writer.writeSmall(path, Buffer.from(digest));
  }

  /**
   * @param target files without which the link is worth nothing: they become durable before the link replaces one
   *   that leads elsewhere
   */
  async putIfChanged(
    path: string,
    digest: Digest,
    writer: ContentWriter,
    target: readonly string[] = [],
  ): Promise<void> {
    const previous = await this.find(path);
    if (previous === digest) return writer.relyOn(path);
    if (previous !== undefined) await writer.settle(target);
    await this.put(path, digest, writer);
  }

  /** Like {@link putIfChanged}, and writes also a link that leads there already. */
  async move(
    path: string,
    digest: Digest,
    { writer, target }: { readonly writer: ContentWriter; readonly target: readonly string[] },
  ): Promise<void> {
    const previous = await this.find(path);
    if (previous !== undefined && previous !== digest) await writer.settle(target);
    await this.put(path, digest, writer);
  }
}

/** Resolves to undefined when the path does not exist. */
export async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (err) {
    if (err instanceof PathNotFoundError) return undefined;
    throw err;
  }
}
