import type { BodyShape } from './send-body.ts';
import type { LoggedRequest, RequestKind } from './request-log.ts';

/** What goes wrong. Several may hold for one request; the latest added wins where they touch the same thing. */
export interface Effect {
  /** Milliseconds before anything else happens. */
  readonly delayMs?: number;
  /** Sent instead of the true answer. */
  readonly answer?: { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string };
  /**
   * Instead of an answer: silence with an open connection; a header that never ends; a redirect that leads to itself;
   * a connection that is closed.
   */
  readonly instead?: 'hang' | 'endless-header' | 'redirect-loop' | 'disconnect';
  /** Headers of the true answer to replace. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What becomes of the true answer's body. Does not touch answers without one. */
  readonly body?: BodyShape;
}

export interface FaultTarget {
  /** Default: every kind. */
  readonly on?: RequestKind | readonly RequestKind[];
  /** A tag or digest; a tag's fault also meets requests for the digest it points to. Default: every one. */
  readonly reference?: string;
  /** How many requests it meets. Default: until it is removed. */
  readonly times?: number;
}

interface Fault {
  readonly target: FaultTarget;
  readonly effect: Effect;
  left: number;
}

/** Bytes no JSON parser takes. */
const GARBAGE = '{"errors": [<html>502 Bad Gateway</html>';

/** What is wrong with an upstream at the moment; switched by tests while it runs. */
export class Faults {
  readonly #faults: Fault[] = [];

  /** @returns a function that removes it again */
  add(target: FaultTarget, effect: Effect): () => void {
    const fault = { target, effect, left: target.times ?? Infinity };
    this.#faults.push(fault);
    return () => {
      fault.left = 0;
    };
  }

  /** From now on everything is as it should be. */
  clear(): void {
    this.#faults.length = 0;
  }

  /** The next `times` requests get this answer. */
  failNext(on: RequestKind, times: number, answer: NonNullable<Effect['answer']>) {
    return this.add({ on, times }, { answer });
  }

  fail(on: FaultTarget['on'], answer: NonNullable<Effect['answer']>) {
    return this.add({ ...(on && { on }) }, { answer });
  }

  garbageJson(on: RequestKind, status = 200) {
    return this.add({ on }, { answer: { status, headers: { 'content-type': 'application/json' }, body: GARBAGE } });
  }

  /** Right length, one bit wrong. */
  wrongBytes(reference: string, at = 0) {
    return this.add({ reference }, { body: { flipAt: at } });
  }

  /** A complete answer that is `by` bytes too short, and says so in its `Content-Length`. */
  shortBody(reference: string, by = 1) {
    return this.add({ reference }, { body: { shortBy: by } });
  }

  /** A complete answer with `by` bytes too many. */
  longBody(reference: string, by = 1) {
    return this.add({ reference }, { body: { longBy: by } });
  }

  wrongDigestHeader(reference: string) {
    const headers = { 'docker-content-digest': `sha256:${'0'.repeat(64)}` };
    return this.add({ reference, on: ['manifest-head', 'manifest-get', 'blob-head', 'blob-get'] }, { headers });
  }

  delay(delayMs: number, target: FaultTarget = {}) {
    return this.add(target, { delayMs });
  }

  hang(target: FaultTarget = {}) {
    return this.add(target, { instead: 'hang' });
  }

  hangMidBody(afterBytes: number, target: FaultTarget = {}) {
    return this.add(target, { body: { hangAfter: afterBytes } });
  }

  /** The connection ends when this many bytes of the body were sent; the `Content-Length` promised all. */
  cutBody(afterBytes: number, target: FaultTarget = {}) {
    return this.add(target, { body: { cutAfter: afterBytes } });
  }

  /** Per answer, not together. */
  throttle(bytesPerSecond: number, target: FaultTarget = {}) {
    return this.add(target, { body: { bytesPerSecond } });
  }

  /** Counts the request against what it meets. `sendsBody`: whether its true answer has a body worth shaping. */
  take(request: LoggedRequest, resolved: string | undefined, sendsBody: boolean): Effect {
    const met = this.#faults.filter(
      ({ target, effect, left }) =>
        left > 0 && matches(target, request, resolved) && (sendsBody || !isBodyOnly(effect)),
    );
    for (const fault of met) fault.left--;
    return met.reduce<Effect>((all, { effect }) => merge(all, effect), {});
  }
}

function matches({ on, reference }: FaultTarget, request: LoggedRequest, resolved: string | undefined): boolean {
  if (on !== undefined && ![on].flat().includes(request.kind)) return false;
  return reference === undefined || reference === request.reference || reference === resolved;
}

function isBodyOnly({ body, ...rest }: Effect): boolean {
  return body !== undefined && Object.keys(rest).length === 0;
}

function merge(a: Effect, b: Effect): Effect {
  return {
    ...a,
    ...b,
    ...((a.headers ?? b.headers) && { headers: { ...a.headers, ...b.headers } }),
    ...((a.body ?? b.body) && { body: { ...a.body, ...b.body } }),
  };
}
