import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { Clock, Timer } from '../clock/clock.ts';
import { replaceFile } from '../files/replace-file.ts';
import type { Decision } from './decision.ts';
import type { Decisions, NamedDecision } from './decisions.ts';

/** Milliseconds. */
const WRITE_EVERY_MS = 10_000;

export interface DecisionFileOptions {
  readonly path: string;
  readonly clock: Pick<Clock, 'setTimer'>;
  readonly onFailed: (error: unknown) => void;
}

/** Decisions survive a restart in a file, without those about tokens of clients. The last ones before a crash are made again. */
export class DecisionFile {
  readonly #options: DecisionFileOptions;
  readonly #upstreams = new Map<string, Decisions>();
  readonly #read: ReadonlyMap<string, readonly NamedDecision[]>;
  #timer: Timer | undefined;
  #written = '';

  private constructor(options: DecisionFileOptions, read: ReadonlyMap<string, readonly NamedDecision[]>) {
    this.#options = options;
    this.#read = read;
  }

  /** A file that cannot be read is reported, and replaced. */
  static async open(options: DecisionFileOptions): Promise<DecisionFile> {
    const read = await readDecisions(options.path).catch((err: unknown) => {
      options.onFailed(err);
      return new Map<string, NamedDecision[]>();
    });
    const file = new DecisionFile(options, read);
    file.#schedule();
    return file;
  }

  /** Fills the decisions of an upstream, and keeps them from now on. */
  keep(upstream: string, decisions: Decisions): void {
    this.#upstreams.set(upstream, decisions);
    for (const named of this.#read.get(upstream) ?? []) decisions.set(named);
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#write();
  }

  #schedule(): void {
    this.#timer = this.#options.clock.setTimer(
      () => void this.#write().finally(() => this.#schedule()),
      WRITE_EVERY_MS,
    );
  }

  async #write(): Promise<void> {
    const upstreams = [...this.#upstreams].map(([name, decisions]) => [name, decisions.all().filter(isKept)]);
    const text = JSON.stringify({ version: 1, upstreams: Object.fromEntries(upstreams) as object });
    if (text === this.#written) return;
    const { path, onFailed } = this.#options;
    try {
      await mkdir(dirname(path), { recursive: true });
      await replaceFile(path, text, { mode: 0o600 });
      this.#written = text;
    } catch (err) {
      onFailed(err);
    }
  }
}

function isKept({ subject, decision }: NamedDecision): boolean {
  return decision.isAllowed && !subject.startsWith('token:');
}

/** Empty when there is none. @throws when it is not one */
async function readDecisions(path: string): Promise<ReadonlyMap<string, readonly NamedDecision[]>> {
  const text = await readFile(path, 'utf8').catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'ENOENT') return undefined;
    throw err;
  });
  if (text === undefined) return new Map();
  const { upstreams } = JSON.parse(text) as { upstreams?: unknown };
  const entries = Object.entries(upstreams ?? {}) as [string, unknown][];
  return new Map(entries.map(([name, list]) => [name, Array.isArray(list) ? list.filter(isNamed) : []]));
}

function isNamed(value: unknown): value is NamedDecision {
  const { repository, subject, decision } = (value ?? {}) as Partial<Record<keyof NamedDecision, unknown>>;
  const { isAllowed, decidedAt, until } = (decision ?? {}) as Partial<Record<keyof Decision, unknown>>;
  return (
    typeof repository === 'string' &&
    typeof subject === 'string' &&
    typeof isAllowed === 'boolean' &&
    typeof decidedAt === 'number' &&
    typeof until === 'number'
  );
}
