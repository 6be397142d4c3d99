/** Space is reserved ahead of the received bytes, by as much as was received, within these bounds. Bytes. */
const MIN_LEAD_BYTES = 1024 * 1024;
const MAX_LEAD_BYTES = 16 * 1024 * 1024;

export interface FillReservationOptions {
  /** Extends the reservation to `bytes`. @throws when there is no space for them */
  readonly reserve: (bytes: number) => Promise<void>;
  /** Announced size of the blob in bytes: nothing beyond it is reserved. */
  readonly size: number;
}

/**
 * Space for a growing file, reserved as its bytes arrive. An announced size evicts nothing: at most the lead is reserved for bytes that
 * have not arrived.
 */
export class FillReservation {
  readonly #options: FillReservationOptions;
  #reserved = 0;
  #extending: Promise<void> | undefined;

  constructor(options: FillReservationOptions) {
    this.#options = options;
  }

  /** Reserves space for `written` bytes and the lead. Resolves immediately while the lead suffices. @throws when there is no space */
  async cover(written: number): Promise<void> {
    const lead = Math.min(Math.max(written, MIN_LEAD_BYTES), MAX_LEAD_BYTES);
    if (written + lead / 2 > this.#reserved) this.#extend(written + lead);
    if (written > this.#reserved || this.#reserved === 0) await this.#extending;
  }

  /** Waits for an extension in progress. @throws when there is no space */
  async settled(): Promise<void> {
    await this.#extending;
  }

  #extend(bytes: number): void {
    const target = Math.min(bytes, this.#options.size);
    if (this.#extending || target <= this.#reserved) return;
    this.#extending = this.#reserve(target);
    this.#extending.catch(() => {}); // it stays, and the next wait throws it
  }

  async #reserve(target: number): Promise<void> {
    await this.#options.reserve(target);
    this.#reserved = target;
    this.#extending = undefined;
  }
}
