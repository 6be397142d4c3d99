import type { VerificationView, VerifyLog } from '../operations/verify-log.ts';

/** Requests that are remembered. A client sends about five for an image. */
const MAX_KEPT = 1_000;
/** Characters of a text that a client chose. */
const MAX_TEXT = 200;

/** The last requests for images of reserved names. Each takes less than 1 KiB. */
export class Verifications implements VerifyLog {
  readonly #maxKept: number;
  #kept: VerificationView[] = [];
  #count = 0;

  constructor({ maxKept = MAX_KEPT } = {}) {
    this.#maxKept = maxKept;
  }

  add(seen: VerificationView): void {
    const { userAgent, user, namespace } = seen;
    this.#count++;
    this.#kept.push({ ...seen, userAgent: cut(userAgent), user: cut(user), namespace: cut(namespace) });
    // In bulk: one shift for each request would copy the whole list.
    if (this.#kept.length >= 2 * this.#maxKept) this.#kept = this.#kept.slice(-this.#maxKept);
  }

  /** Those after the first `count`, as far as they are remembered, and their number by now. */
  since(count: number): { readonly views: readonly VerificationView[]; readonly count: number } {
    const added = Math.min(Math.max(0, this.#count - count), this.#kept.length);
    return { views: this.#kept.slice(this.#kept.length - added), count: this.#count };
  }

  findVerifications(nonce: string): readonly VerificationView[] {
    return this.#kept
      .slice(-this.#maxKept)
      .filter((seen) => seen.nonce === nonce)
      .toReversed();
  }
}

function cut(text: string | undefined): string | undefined {
  return text === '' ? undefined : text?.slice(0, MAX_TEXT);
}
