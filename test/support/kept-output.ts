/** Output beyond this many characters is dropped from the front. */
const KEPT_CHARACTERS = 8 * 1024 * 1024;

/** Who wrote the output: `isRunning` ends a wait for output that can no longer come. */
export interface OutputSource {
  readonly isRunning: boolean;
  /** For error messages. */
  readonly command: string;
}

/** What a program has written so far, and a wait for what it is going to write. */
export class KeptOutput {
  readonly #source: OutputSource;
  readonly #kept = { stdout: '', stderr: '' };
  readonly #watchers = new Set<() => void>();

  constructor(source: OutputSource) {
    this.#source = source;
  }

  get stdout(): string {
    return this.#kept.stdout;
  }

  get stderr(): string {
    return this.#kept.stderr;
  }

  get all(): string {
    return this.#kept.stdout + this.#kept.stderr;
  }

  append(name: 'stdout' | 'stderr', text: string): void {
    this.#kept[name] = (this.#kept[name] + text).slice(-KEPT_CHARACTERS);
    this.wake();
  }

  /** Makes waits look again, because the program has ended. */
  wake(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /**
   * Resolves as soon as the output has a match, also one printed before the call.
   *
   * @throws {Error} with the output, when the program ends first or after `timeoutMs`
   */
  async waitFor(pattern: RegExp, { timeoutMs = 20_000 } = {}): Promise<RegExpExecArray> {
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const match = pattern.exec(this.#kept.stdout) ?? pattern.exec(this.#kept.stderr);
      if (match) return match;
      const { command, isRunning } = this.#source;
      if (deadline.aborted) throw new Error(`no ${pattern} within ${timeoutMs} ms from: ${command}\n${this.all}`);
      if (!isRunning) throw new Error(`ended before ${pattern}: ${command}\n${this.all}`);
      await this.#change(deadline);
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const changed = () => {
        this.#watchers.delete(changed);
        signal.removeEventListener('abort', changed);
        resolve();
      };
      this.#watchers.add(changed);
      signal.addEventListener('abort', changed);
    });
  }
}
