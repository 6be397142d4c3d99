import type { ImageSource } from '../images/image-source.ts';
import type { RegistryLocation } from '../images/location.ts';
import { openRegistry, type RegistryAccess } from '../images/registry-access.ts';
import { RegistrySource } from '../images/registry-source.ts';

/** The registries of some images, each connected once. */
export class Registries implements AsyncDisposable {
  readonly #access: RegistryAccess;
  readonly #opened = new Map<string, ReturnType<typeof openRegistry>>();

  constructor(access: RegistryAccess) {
    this.#access = access;
  }

  /** Needs no closing. @throws {RegistryError} `UNAVAILABLE` */
  async image(location: RegistryLocation): Promise<ImageSource> {
    const { signal } = this.#access;
    return new RegistrySource({ registry: await this.#open(location.host), location, signal });
  }

  /** The digest alone, which registries do not count as a pull. @throws {RegistryError} */
  async digest({ host, repository, tag, digest }: RegistryLocation): Promise<string> {
    if (digest !== undefined) return digest;
    const registry = await this.#open(host);
    const { signal } = this.#access;
    return (await registry.resolveManifest(repository, { kind: 'tag', tag: tag ?? 'latest' }, { signal })).digest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened.values())
      await opened.then(
        (registry) => registry.close(),
        () => undefined,
      );
  }

  #open(host: string): ReturnType<typeof openRegistry> {
    const opened = this.#opened.get(host) ?? openRegistry(host, this.#access);
    this.#opened.set(host, opened);
    return opened;
  }
}
