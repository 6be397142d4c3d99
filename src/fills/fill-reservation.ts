/** Space is reserved this far ahead of the bytes that are there: as far as they have come, within these bounds. Bytes. */
const MIN_LEAD_BYTES = 1024 * 1024;
const MAX_LEAD_BYTES = 16 * 1024 * 1024;

export interface FillReservationOptions {
  /** Extends the reservation to so many bytes. @throws when there is no space for them */
  readonly reserve: (bytes: number) => Promise<void>;
  /** Bytes of the whole, as announced: nothing beyond it is reserved. */
  readonly size: number;
}

/**
 * Space for a growing file, reserved as its bytes come. What an upstream announces and does not send evicts nothing: at most the lead is
 * reserved for bytes that are not there yet.
 */
export class FillReservation {
  readonly #options: FillReservationOptions;
  #reserved = 0;
  #extending: Promise<void> | undefined;

  constructor(options: FillReservationOptions) {
    this.#options = options;
  }

  /** Reserves for `written` bytes and the lead. Resolves at once while the lead suffices. @throws when there is no space */
  async cover(written: number): Promise<void> {
    const lead = Math.min(Math.max(written, MIN_LEAD_BYTES), MAX_LEAD_BYTES);
    if (written + lead / 2 > this.#reserved) this.#extend(written + lead);
    if (written > this.#reserved || this.#reserved === 0) await this.#extending;
  }

  /** Waits for an extension under way. @throws when it finds no space */
  async settled(): Promise<void> {
    await this.#extending;
  }

  #extend(bytes: number): void {
    const target = Math.min(bytes, this.#options.size);
    if (this.#extending || target <= this.#reserved) return;
    this.#extending = this.#reserve(target);
    this.#extending.catch(() => {}); // stays, and is thrown to whoever waits next
  }

  async #reserve(target: number): Promise<void> {
    await this.#options.reserve(target);
    this.#reserved = target;
    this.#extending = undefined;
  }
}
