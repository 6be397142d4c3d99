/** Docker Hub's limit of requests of every kind, whatever the account; refused in plain text. */
export class AbuseLimit {
  perMinute = Infinity;
  now: () => number = Date.now;
  #requests: number[] = [];

  /** Counts a request. @returns whether it is one too many */
  isExceeded(): boolean {
    const since = this.now() - 60_000;
    this.#requests = this.#requests.filter((at) => at > since);
    this.#requests.push(this.now());
    return this.#requests.length > this.perMinute;
  }
}
