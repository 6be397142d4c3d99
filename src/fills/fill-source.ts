import type { UpstreamErrorKind } from '../upstream/upstream.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import type { RemoteBlob } from './blob-download.ts';

/** The repository does not have the blob, or the upstream does not give access to it. */
const REFUSALS: readonly UpstreamErrorKind[] = ['not-found', 'denied', 'unauthorized'];

export function isRefusal(err: unknown): boolean {
  return err instanceof UpstreamError && REFUSALS.includes(err.kind);
}

/** One upstream repository that a fill may fetch from, for the clients of that repository. */
export class FillSource {
  /** Stored name. */
  readonly stored: string;
  readonly blob: RemoteBlob;
  /** Resolves when the upstream has confirmed that the repository has the blob; rejects with the reason when it does not. */
  readonly confirmed: Promise<void>;
  /** Number of times that it broke or was too slow. */
  failures = 0;
  #isConfirmed = false;
  #confirm: () => void = () => {};
  #reject: (reason: unknown) => void = () => {};

  constructor(blob: RemoteBlob, stored: string) {
    this.blob = blob;
    this.stored = stored;
    this.confirmed = new Promise((resolve, reject) => {
      this.#confirm = resolve;
      this.#reject = reject;
    });
    this.confirmed.catch(() => {}); // each waiting client has its own rejection
  }

  get isConfirmed(): boolean {
    return this.#isConfirmed;
  }

  confirm(): void {
    this.#isConfirmed = true;
    this.#confirm();
  }

  reject(reason: unknown): void {
    this.#reject(reason);
  }
}
