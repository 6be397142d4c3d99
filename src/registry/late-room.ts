import type { Digest } from '../oci/digest.ts';
import type { StoreRoom } from './spool-area.ts';

/** Room in a store whose quota is known only after everything else is put together. */
export class LateRoom implements StoreRoom {
  #room: StoreRoom | undefined;

  open(room: StoreRoom | undefined): void {
    this.#room = room;
  }

  async reserve(digest: Digest, size: number): Promise<void> {
    await this.#room?.reserve(digest, size);
  }

  release(digest: Digest): void {
    this.#room?.release(digest);
  }
}
