/** Limit for the parts of all uploads in memory. Bytes. */
const BUDGET_BYTES = 64 * 1024 * 1024;

/** Memory for the parts of uploads: a limited amount, allocated in the order of requests. */
export class PartBuffers {
  readonly #budgetBytes: number;
  readonly #waiting: { readonly bytes: number; readonly start: () => void }[] = [];
  #used = 0;

  constructor(budgetBytes = BUDGET_BYTES) {
    this.#budgetBytes = budgetBytes;
  }

  /** Runs `work` with a buffer of that size. One that is larger than the budget waits until no other is in use. */
  async use<T>(bytes: number, work: (buffer: Buffer) => Promise<T>): Promise<T> {
    await this.#acquire(bytes);
    try {
      return await work(Buffer.allocUnsafeSlow(bytes));
    } finally {
      this.#used -= bytes;
      this.#wake();
    }
  }

  #acquire(bytes: number): Promise<void> {
    return new Promise((start) => {
      this.#waiting.push({ bytes, start });
      this.#wake();
    });
  }

  #wake(): void {
    for (let next = this.#waiting[0]; next && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += next.bytes;
      next.start();
    }
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#budgetBytes;
  }
}
