import type { LoadedLibrados, Pointer } from './librados.ts';
import { RadosError } from './rados-error.ts';

/** A call that has ended. */
export interface Outcome {
  /** Not negative. */
  readonly value: number;
  /** Of the object. */
  readonly version: number | bigint;
}

/** Calls that librados works on in its own threads. */
export class Completions {
  readonly #loaded: LoadedLibrados;
  readonly #pending = new Set<Pointer>();
  /** A pending call alone does not keep the process running. */
  #keepAlive: NodeJS.Timeout | undefined;
  #onIdle: (() => void) | undefined;

  constructor(loaded: LoadedLibrados) {
    this.#loaded = loaded;
  }

  /**
   * Starts a call, and resolves when it has ended.
   *
   * @param call name, for errors
   * @param start passes the completion to a function of librados; referenced until the end, with the memory that it refers to
   * @throws {RadosError}
   */
  run(call: string, start: (completion: Pointer) => number): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const { librados, completed, callback } = this.#loaded;
      const out: [Pointer | null] = [null];
      librados.aio_create_completion2(null, callback, out);
      const completion = out[0] as Pointer;
      this.#pending.add(completion);
      this.#keepAlive ??= setInterval(() => {}, 2 ** 30);
      let refused = 0;
      const settle = () => {
        const value = refused || librados.aio_get_return_value(completion);
        const version = librados.aio_get_version(completion);
        this.#release(completion);
        if (value < 0) reject(new RadosError(call, value));
        else resolve({ value, version });
        return start;
      };
      completed.set(completion, settle);
      refused = start(completion);
      if (refused < 0) settle();
    });
  }

  /** Ends all calls, and resolves when they have ended: librados must not be shut down before. */
  async cancelAll(io: Pointer): Promise<void> {
    for (const completion of this.#pending) this.#loaded.librados.aio_cancel(io, completion);
    if (this.#pending.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  #release(completion: Pointer): void {
    this.#loaded.completed.delete(completion);
    this.#loaded.librados.aio_release(completion);
    this.#pending.delete(completion);
    if (this.#pending.size > 0) return;
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
    this.#onIdle?.();
  }
}
