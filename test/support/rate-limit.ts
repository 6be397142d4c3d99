/** One bucket of Docker Hub's pull limit: a manifest GET is a pull, a HEAD is free. The window rolls. */
export class RateLimit {
  limit = 100;
  windowSeconds = 21_600;
  /** False: as for paid accounts and sponsored images, no header says anything. */
  announced = true;
  /** True: a GET without budget is answered with 429. False: nothing is ever nearly used up. */
  enforced = false;
  /** The abuse limit answers in plain text, the pull limit in JSON. */
  refusal: 'json' | 'text' = 'json';
  /** Seconds; Docker Hub sends none. */
  retryAfter: number | undefined = undefined;
  /** Value of `docker-ratelimit-source`: the address, or an account. */
  source: string;
  now: () => number;
  /** What others have left of the limit. */
  #base: number | undefined;
  #spends: number[] = [];

  constructor({ source = '127.0.0.1', now = Date.now }: { source?: string; now?: () => number } = {}) {
    this.source = source;
    this.now = now;
  }

  get remaining(): number {
    const since = this.now() - this.windowSeconds * 1_000;
    this.#spends = this.#spends.filter((at) => at > since);
    const left = Math.max(0, (this.#base ?? this.limit) - this.#spends.length);
    return this.enforced ? left : Math.max(left, Math.ceil(this.limit / 2));
  }

  /** From now on so many are left, whatever was spent before. */
  set remaining(pulls: number) {
    this.#base = pulls;
    this.#spends = [];
  }

  get spent(): boolean {
    return this.enforced && this.remaining <= 0;
  }

  count(): void {
    this.#spends.push(this.now());
  }

  headers(): Record<string, string> {
    if (!this.announced) return {};
    return {
      'ratelimit-limit': `${this.limit};w=${this.windowSeconds}`,
      'ratelimit-remaining': `${this.remaining};w=${this.windowSeconds}`,
      'docker-ratelimit-source': this.source,
    };
  }

  answer(): { status: number; headers: Record<string, string>; body: string } {
    const retry = this.retryAfter === undefined ? {} : { 'retry-after': String(this.retryAfter) };
    const json = this.refusal === 'json';
    const announced = json ? this.headers() : {};
    const headers = { ...announced, ...retry, 'content-type': json ? 'application/json' : 'text/plain' };
    return { status: 429, headers, body: json ? JSON.stringify(PULL_LIMIT_REACHED) : 'Too Many Requests\n' };
  }
}

const PULL_LIMIT_REACHED = {
  errors: [
    {
      code: 'TOOMANYREQUESTS',
      message: 'You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit',
    },
  ],
};
