import type { UpstreamErrorKind } from '../upstream/upstream.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import type { RemoteBlob } from './blob-download.ts';

/** The upstream's word that this repository does not have the blob, or not for us. */
const REFUSALS: readonly UpstreamErrorKind[] = ['not-found', 'denied', 'unauthorized'];

export function isRefusal(err: unknown): boolean {
  return err instanceof UpstreamError && REFUSALS.includes(err.kind);
}

/** One upstream repository that a fill may fetch from, and on whose behalf clients read it. */
export class FillSource {
  /** Name in our storage. */
  readonly stored: string;
  readonly blob: RemoteBlob;
  /** Resolves once the upstream has confirmed that the repository has the blob; rejects with what it said instead. */
  readonly confirmed: Promise<void>;
  /** Times that it broke or was too slow. */
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
    this.confirmed.catch(() => {}); // whoever waits for it has its own rejection
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
