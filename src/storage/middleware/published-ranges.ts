import type { AwsRangesConfig } from '../../config/config.ts';
import type { StorageLog } from '../storage-log.ts';
import { type AwsRanges, parseAwsRanges } from './aws-ranges.ts';

/** Where they could not be read, that is tried again after so long at most. Milliseconds. */
const RETRY_MS = 60_000;
const TIMEOUT_MS = 30_000;
/** What AWS publishes has about 2 MiB. */
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * The networks that AWS publishes, read again from time to time. While that fails, those that were read before count; before the first time
 * there are none.
 */
export class PublishedRanges {
  readonly #config: AwsRangesConfig;
  readonly #log: StorageLog | undefined;
  readonly #ended = new AbortController();
  #ranges: AwsRanges | undefined;
  #isFailing = false;
  #timer: NodeJS.Timeout | undefined;

  private constructor(config: AwsRangesConfig, log: StorageLog | undefined) {
    this.#config = config;
    this.#log = log;
  }

  /** Waits for nothing. Whoever calls closes it. */
  static start(config: AwsRangesConfig, log: StorageLog | undefined): PublishedRanges {
    const ranges = new PublishedRanges(config, log);
    void ranges.#refresh();
    return ranges;
  }

  /** @param address IP address; undefined: not known */
  has(address: string | undefined): boolean {
    return address !== undefined && this.#ranges?.has(address) === true;
  }

  close(): void {
    this.#ended.abort();
    clearTimeout(this.#timer);
  }

  async #refresh(): Promise<void> {
    const { url, regions, intervalMs } = this.#config;
    try {
      this.#read(parseAwsRanges(await download(url, this.#ended.signal), regions));
    } catch (err) {
      this.#failed(err);
    }
    if (this.#ended.signal.aborted) return;
    const waitMs = this.#isFailing ? Math.min(RETRY_MS, intervalMs) : intervalMs;
    this.#timer = setTimeout(() => void this.#refresh(), waitMs).unref();
  }

  #read(ranges: AwsRanges): void {
    const isNews = this.#isFailing || !this.#ranges;
    this.#ranges = ranges;
    this.#isFailing = false;
    if (isNews) this.#log?.info({ networks: ranges.size }, 'read which addresses are those of AWS');
  }

  /** A line for the first of many. */
  #failed(err: unknown): void {
    if (this.#isFailing || this.#ended.signal.aborted) return;
    this.#isFailing = true;
    const instead = this.#ranges ? 'those read before count' : 'all clients are sent to CloudFront';
    this.#log?.warn({ reason: reasonOf(err) }, `cannot read which addresses are those of AWS: ${instead}`);
  }
}

async function download(url: string, ended: AbortSignal): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.any([ended, AbortSignal.timeout(TIMEOUT_MS)]) });
  if (!answer.ok || answer.body === null) {
    await answer.body?.cancel();
    throw new Error(`status ${answer.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** `fetch` keeps the reason in its cause. */
function reasonOf(err: unknown): string {
  if (err instanceof SyntaxError) return 'it is not what AWS publishes';
  if (!(err instanceof Error)) return String(err);
  const { cause } = err;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : err.message;
}
