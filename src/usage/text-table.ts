/** Tables of the index for texts of other modules. */
export type TextTableName = 'admissions' | 'releases' | 'tag-histories';

/** Texts by key, which outlive the process like the index. Every method can fail with an `IndexUnavailableError`. */
export interface TextTable {
  get(key: string): Promise<string | undefined>;
  set(key: string, text: string): Promise<void>;
  /** @returns whether there was one */
  remove(key: string): Promise<boolean>;
  /** In no order that callers may rely on. */
  entries(): AsyncIterable<readonly [key: string, text: string]>;
}
