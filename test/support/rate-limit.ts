/** Docker Hub's pull budget: a manifest GET is a pull, a HEAD is free. */
export class RateLimit {
  limit = 100;
  remaining = 100;
  windowSeconds = 21_600;
  /** False: as for paid accounts and sponsored images, no header says anything. */
  announced = true;
  /** True: a GET without budget is answered with 429. */
  enforced = false;
  /** The abuse limit answers in plain text, the pull limit in JSON. */
  refusal: 'json' | 'text' = 'json';
  /** Seconds; Docker Hub sends none. */
  retryAfter: number | undefined = undefined;

  get spent(): boolean {
    return this.enforced && this.remaining <= 0;
  }

  count(): void {
    this.remaining = Math.max(0, this.remaining - 1);
  }

  headers(): Record<string, string> {
    if (!this.announced) return {};
    return {
      'ratelimit-limit': `${this.limit};w=${this.windowSeconds}`,
      'ratelimit-remaining': `${this.remaining};w=${this.windowSeconds}`,
      'docker-ratelimit-source': '127.0.0.1',
    };
  }

  answer(): { status: number; headers: Record<string, string>; body: string } {
    const retry = this.retryAfter === undefined ? {} : { 'retry-after': String(this.retryAfter) };
    const json = this.refusal === 'json';
    const headers = { ...this.headers(), ...retry, 'content-type': json ? 'application/json' : 'text/plain' };
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
