import type { TextTable } from '../usage/text-table.ts';
import type { DecidedContent } from './decision.ts';
import { keyOf } from './decisions.ts';

/** Content that an operator serves before it is old enough. */
export interface Release {
  readonly reason: string;
  /** Unix milliseconds. */
  readonly at: number;
}

/** Releases, in the index of uses. */
export class Releases {
  readonly #table: TextTable;

  constructor(table: TextTable) {
    this.#table = table;
  }

  /** @throws when the index cannot be written */
  async add(content: DecidedContent, release: Release): Promise<void> {
    await this.#table.set(keyOf(content), JSON.stringify(release));
  }

  /** @throws when the index cannot be read */
  async has(content: DecidedContent): Promise<boolean> {
    return (await this.#table.get(keyOf(content))) !== undefined;
  }
}
