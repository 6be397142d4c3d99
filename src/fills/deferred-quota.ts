import type { Digest } from '../oci/digest.ts';
import type { StoreRoom } from './spool-area.ts';

/** Room in a store whose quota is known only after everything else is put together. */
export class LateRoom implements StoreRoom {
  #room: StoreRoom | undefined;

  open(room: StoreRoom | undefined): void {
    this.#room = room;
  }

  assertFits(size: number): void {
    this.#room?.assertFits(size);
  }

  async reserve(owner: string, digest: Digest, bytes: number): Promise<void> {
    await this.#room?.reserve(owner, digest, bytes);
  }

  release(owner: string): void {
    this.#room?.release(owner);
  }
}
