type Close = () => unknown;

/** What a start-up has opened so far. The part of `AsyncDisposableStack` that start-up needs, which Node 20 does not have. */
export class CloseStack {
  readonly #closing: Close[] = [];

  /** Registers a resource that was opened. @returns the resource */
  use<T extends { close(): unknown }>(resource: T): T {
    this.defer(() => resource.close());
    return resource;
  }

  /** Registers how something that was opened or started is closed. */
  defer(close: Close): void {
    this.#closing.push(close);
  }

  /**
   * Closes everything once, last opened first; continues when one fails.
   *
   * @throws the first error, once everything is closed
   */
  async close(): Promise<void> {
    const errors: unknown[] = [];
    for (let close = this.#closing.pop(); close; close = this.#closing.pop()) {
      try {
        await close();
      } catch (err) {
        errors.push(err);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

/** Runs a start-up. When it fails, everything that it registered is closed before its error is thrown. */
export async function closeOnFailure<T>(start: (opened: CloseStack) => Promise<T>): Promise<T> {
  const opened = new CloseStack();
  try {
    return await start(opened);
  } catch (err) {
    await opened.close().catch(() => {}); // the reason of the failed start is what the operator needs
    throw err;
  }
}
