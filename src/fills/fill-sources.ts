import type { Digest } from '../oci/digest.ts';
import type { BlobBody, OpenBlobOptions, Upstream, UpstreamBlob } from '../upstream/upstream.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import { type FillSource, isRefusal } from './fill-source.ts';

/** The blob from storage, once another fill has stored it; resolves with undefined before. */
export type OpenStored = (digest: Digest, start: number) => Promise<UpstreamBlob | undefined>;

/** The reason why a fill changes its source. Counts as a break of the transfer. */
class SourceSlowError extends UpstreamError {
  constructor(upstream: string, reason: string) {
    super('timeout', `${upstream}: ${reason}`, { upstream });
  }
}

/**
 * The repositories of one upstream that have the blob of a fill, as one blob to download. Each time it is opened, the request goes to the
 * source that failed least, and to the next one when that fails. A refusal fails only the clients of the refused repository.
 */
export class FillSources implements Pick<Upstream, 'name' | 'openBlob'> {
  readonly name: string;
  readonly #openStored: OpenStored | undefined;
  readonly #sources = new Map<string, FillSource>();
  readonly #names = new Set<string>();
  #current: FillSource;
  #attempt: AbortController | undefined;
  #isStored = false;

  constructor(first: FillSource, openStored?: OpenStored) {
    this.name = first.blob.upstream.name;
    this.#current = first;
    this.#openStored = openStored;
    this.add(first);
  }

  /** The source that is open, or is opened next. */
  get current(): FillSource {
    return this.#current;
  }

  get(stored: string): FillSource | undefined {
    return this.#sources.get(stored);
  }

  /** Stored names of the repositories that are known to have the blob. */
  get confirmed(): string[] {
    return [...this.#sources.values()].filter(({ isConfirmed }) => isConfirmed).map(({ stored }) => stored);
  }

  /** Stored names of all repositories that ever joined. */
  get names(): readonly string[] {
    return [...this.#names];
  }

  /** Whether another source has not failed more often than the current one. */
  get hasAlternative(): boolean {
    return [...this.#sources.values()].some(
      (source) => source !== this.#current && source.failures <= this.#current.failures,
    );
  }

  /** @param source confirmed by its upstream, unless it is the first */
  add(source: FillSource): void {
    this.#sources.set(source.stored, source);
    this.#names.add(source.stored);
  }

  /**
   * A repository that has the blob: the current one if it was confirmed. When an earlier fill had received all bytes, none was confirmed,
   * and the upstream is queried now.
   *
   * @throws {UpstreamError} when it confirms none
   */
  async owner(): Promise<FillSource> {
    const byPreference = [this.#current, ...this.#sources.values()];
    const confirmed = byPreference.find(({ isConfirmed }) => isConfirmed);
    if (confirmed) return confirmed;
    for (const source of this.#sources.values()) await this.#confirmApart(source);
    const owner = byPreference.find(({ isConfirmed }) => isConfirmed);
    if (!owner) await this.#current.confirmed; // rejects with the reason
    return owner ?? this.#current;
  }

  /** The verified bytes are in storage: the rest is read from it. */
  useStored(): void {
    if (this.#openStored === undefined || this.confirmed.length === 0) return;
    this.#isStored = true;
    this.interrupt('its bytes are in storage');
  }

  /** Ends the current transfer; the next one is opened from the source that failed least. */
  interrupt(reason: string): void {
    this.#attempt?.abort(new SourceSlowError(this.name, reason));
  }

  async openBlob(_repository: string, digest: Digest, options: OpenBlobOptions = {}): Promise<UpstreamBlob> {
    const tried: FillSource[] = [];
    let failure = new UpstreamError('unavailable', `${this.name}: no source is left`, { upstream: this.name });
    for (;;) {
      const stored = this.#isStored && (await this.#openStored?.(digest, options.start ?? 0));
      if (stored) return stored;
      const source = this.#next(tried);
      if (!source) throw failure;
      tried.push(source);
      try {
        return await this.#openFrom(source, options);
      } catch (err) {
        if (options.signal?.aborted || !(err instanceof UpstreamError) || isBeyondTheEnd(err)) throw err;
        this.#failed(source, err);
        failure = err;
      }
    }
  }

  async #openFrom(source: FillSource, { signal, ...range }: OpenBlobOptions): Promise<UpstreamBlob> {
    const { upstream, repository, digest } = source.blob;
    this.#current = source;
    const attempt = new AbortController();
    this.#attempt = attempt;
    const abort = () => attempt.abort(signal?.reason);
    signal?.addEventListener('abort', abort);
    const end = () => signal?.removeEventListener('abort', abort);
    try {
      const opened = await upstream.openBlob(repository, digest, { ...range, signal: attempt.signal });
      source.confirm();
      return { ...opened, body: observed(opened.body, { end, failed: () => source.failures++ }) };
    } catch (err) {
      end();
      throw err;
    }
  }

  #failed(source: FillSource, err: UpstreamError): void {
    source.failures++;
    if (!source.isConfirmed && err instanceof SourceSlowError) void this.#confirmApart(source);
    else if (!source.isConfirmed || isRefusal(err)) this.#drop(source, err);
  }

  /** Another source continues the transfer: the upstream must still confirm that this repository has the blob. */
  async #confirmApart(source: FillSource): Promise<void> {
    const { upstream, repository, digest } = source.blob;
    try {
      await upstream.resolveBlob(repository, digest);
      source.confirm();
    } catch (err) {
      this.#drop(source, err);
    }
  }

  #drop(source: FillSource, reason: unknown): void {
    source.reject(reason);
    if (this.#sources.get(source.stored) === source) this.#sources.delete(source.stored);
  }

  /** The source that failed least among those not tried. */
  #next(tried: readonly FillSource[]): FillSource | undefined {
    const left = [...this.#sources.values()].filter((source) => !tried.includes(source));
    return left.reduce<FillSource | undefined>(
      (best, source) => (best && best.failures <= source.failures ? best : source),
      undefined,
    );
  }
}

/** @param on.end called at the end, when it is closed, and after `failed` when it fails; possibly again */
function observed(body: BlobBody, on: { readonly end: () => void; readonly failed: () => void }): BlobBody {
  return {
    async read(into) {
      try {
        const length = await body.read(into);
        if (length === 0) on.end();
        return length;
      } catch (err) {
        on.failed();
        on.end();
        throw err;
      }
    },
    close() {
      on.end();
      body.close();
    },
  };
}

/** The spool of an earlier fill is longer than the blob, which is not a failure of the source. */
function isBeyondTheEnd({ options }: UpstreamError): boolean {
  return options.status === 416;
}
