import type { StorageDriver } from '../storage/driver.ts';
import { orUndefined } from './links.ts';
import { listReadable } from './readable.ts';

const MAX_NAME_BYTES = 1024;

export interface NotedUpload {
  readonly repository: string;
  readonly id: string;
}

/** Sessions that a process started, on record in storage, so that those that a kill left can be distinguished from those of clients. */
export class UploadNotes {
  readonly #driver: StorageDriver;
  readonly #directory: string;

  constructor(driver: StorageDriver, directory: string) {
    this.#driver = driver;
    this.#directory = directory;
  }

  async note({ repository, id }: NotedUpload): Promise<void> {
    await this.#driver.writeSmall(this.#path(id), Buffer.from(repository), { replaceable: true });
  }

  async forget({ id }: Pick<NotedUpload, 'id'>): Promise<void> {
    await orUndefined(this.#driver.delete(this.#path(id)));
  }

  async *all(): AsyncGenerator<NotedUpload> {
    for (const id of await listReadable(this.#driver, this.#directory, () => {})) {
      const repository = await orUndefined(this.#driver.readSmall(this.#path(id), MAX_NAME_BYTES));
      if (repository) yield { repository: repository.toString(), id };
    }
  }

  #path(id: string): string {
    return `${this.#directory}/${id}`;
  }
}
