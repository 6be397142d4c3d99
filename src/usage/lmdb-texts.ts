import type { Database } from 'lmdb';

import { entriesOf } from './lmdb-entries.ts';
import type { TextTable, TextTableName } from './text-table.ts';

export type TextKey = [table: string, key: string];

/** One of the tables for texts, all of which are in one table of the files. */
export class LmdbTexts implements TextTable {
  readonly #texts: Database<string, TextKey>;
  readonly #name: TextTableName;

  constructor(texts: Database<string, TextKey>, name: TextTableName) {
    this.#texts = texts;
    this.#name = name;
  }

  async get(key: string): Promise<string | undefined> {
    return this.#texts.get([this.#name, key]);
  }

  /** Synchronous, like all changes of the index. */
  async set(key: string, text: string): Promise<void> {
    this.#texts.putSync([this.#name, key], text);
  }

  async remove(key: string): Promise<boolean> {
    return this.#texts.removeSync([this.#name, key]);
  }

  async *entries(): AsyncGenerator<readonly [string, string], void, void> {
    for await (const { key, value } of entriesOf(this.#texts, this.#name)) yield [key[1], value];
  }
}
