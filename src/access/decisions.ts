import type { Decision } from './decision.ts';

const MAX_REPOSITORIES = 20_000;
/** Of one repository. Tokens of clients can be any number; the oldest decisions are removed. */
const MAX_SUBJECTS = 256;

export interface NamedDecision {
  /** Name at the upstream. */
  readonly repository: string;
  /** `anonymous`, `account:<name>`, or `token:` and an HMAC. */
  readonly subject: string;
  readonly decision: Decision;
}

/** The decisions about one upstream's repositories, in memory. */
export class Decisions {
  readonly #repositories = new Map<string, Map<string, Decision>>();

  /** All decisions about a repository, by subject; some may have ended. */
  of(repository: string): ReadonlyMap<string, Decision> | undefined {
    return this.#repositories.get(repository);
  }

  set({ repository, subject, decision }: NamedDecision): void {
    const known = this.#repositories.get(repository) ?? new Map<string, Decision>();
    setLast(known, subject, decision, MAX_SUBJECTS);
    setLast(this.#repositories, repository, known, MAX_REPOSITORIES);
  }

  all(): readonly NamedDecision[] {
    return [...this.#repositories].flatMap(([repository, known]) =>
      [...known].map(([subject, decision]) => ({ repository, subject, decision })),
    );
  }

  get size(): number {
    return this.#repositories.size;
  }

  /** @returns how many were removed */
  remove(isRemoved: (named: NamedDecision) => boolean): number {
    const removed = this.all().filter(isRemoved);
    for (const { repository, subject } of removed) {
      const known = this.#repositories.get(repository);
      known?.delete(subject);
      if (known?.size === 0) this.#repositories.delete(repository);
    }
    return removed.length;
  }
}

/** Moves the key to the end, and removes the first one when there are too many. */
function setLast<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= max) return;
  const [first] = map.keys();
  if (first !== undefined) map.delete(first);
}
