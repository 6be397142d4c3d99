import type { Permit } from './protocol.ts';

/** Above this, names without a valid permit are removed. */
const MAX_NAMES = 10_000;

/** The content and tags for which a permit is valid, so that the removal of others concerns no worker. */
export class PermittedNames {
  /** When the last permit ends, by name. Milliseconds of `sharedNow`. */
  readonly #until = new Map<string, number>();

  add({ content, tag, until }: Permit, now: number): void {
    if (this.#until.size >= MAX_NAMES) this.#removeExpired(now);
    for (const name of tag ? [content.name, tag.name] : [content.name]) {
      this.#until.set(name, Math.max(until, this.#until.get(name) ?? 0));
    }
  }

  /** @returns whether a permit for it may be valid */
  remove(name: string, now: number): boolean {
    const until = this.#until.get(name);
    return this.#until.delete(name) && until !== undefined && until > now;
  }

  #removeExpired(now: number): void {
    for (const [name, until] of this.#until) if (until <= now) this.#until.delete(name);
  }
}
