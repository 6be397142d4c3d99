import type { StorageLog } from '../storage-log.ts';
import { type AwsRanges, parseAwsRanges } from './aws-ranges.ts';

/** Where AWS publishes the addresses of its networks. */
export interface AwsRangesOptions {
  readonly url: string;
  /** In lower case, such as `eu-central-1`. Absent: all regions. */
  readonly regions: readonly string[] | undefined;
  /** Interval between two downloads. Milliseconds. */
  readonly intervalMs: number;
}

/** Longest delay before a failed download is retried. Milliseconds. */
const RETRY_MS = 60_000;
const TIMEOUT_MS = 30_000;
/** The published file has about 2 MiB. */
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * The networks that AWS publishes, downloaded periodically. While downloads fail, the last list applies; before the first one
 * succeeds, the list is empty.
 */
export class PublishedRanges {
  readonly #options: AwsRangesOptions;
  readonly #log: StorageLog | undefined;
  readonly #ended = new AbortController();
  #ranges: AwsRanges | undefined;
  #isFailing = false;
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: AwsRangesOptions, log: StorageLog | undefined) {
    this.#options = options;
    this.#log = log;
  }

  /** Does not wait for the first download. The caller closes the result. */
  static start(options: AwsRangesOptions, log: StorageLog | undefined): PublishedRanges {
    const ranges = new PublishedRanges(options, log);
    void ranges.#refresh();
    return ranges;
  }

  /** @param address IP address. Absent when unknown */
  has(address: string | undefined): boolean {
    return address !== undefined && this.#ranges?.has(address) === true;
  }

  close(): void {
    this.#ended.abort();
    clearTimeout(this.#timer);
  }

  async #refresh(): Promise<void> {
    const { url, regions, intervalMs } = this.#options;
    try {
      this.#use(parseAwsRanges(await download(url, this.#ended.signal), regions));
    } catch (err) {
      this.#fail(err);
    }
    if (this.#ended.signal.aborted) return;
    const waitMs = this.#isFailing ? Math.min(RETRY_MS, intervalMs) : intervalMs;
    this.#timer = setTimeout(() => void this.#refresh(), waitMs).unref();
  }

  #use(ranges: AwsRanges): void {
    const isChange = this.#isFailing || !this.#ranges;
    this.#ranges = ranges;
    this.#isFailing = false;
    if (isChange) this.#log?.info({ networks: ranges.size }, 'AWS address ranges loaded');
  }

  /** Logs the first of several failures. */
  #fail(err: unknown): void {
    if (this.#isFailing || this.#ended.signal.aborted) return;
    this.#isFailing = true;
    const consequence = this.#ranges ? 'the last list applies' : 'all clients are redirected to CloudFront';
    this.#log?.warn({ reason: reasonOf(err) }, `AWS address ranges not loaded: ${consequence}`);
  }
}

async function download(url: string, ended: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.any([ended, AbortSignal.timeout(TIMEOUT_MS)]) });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** `fetch` keeps the reason in its cause. */
function reasonOf(err: unknown): string {
  if (err instanceof SyntaxError) return 'not a list of AWS address ranges';
  if (!(err instanceof Error)) return String(err);
  const { cause } = err;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : err.message;
}
