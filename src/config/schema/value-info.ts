import { z } from 'zod';

/** How the value of a variable becomes the value of a key: as YAML, as text, or as a `secret`, which is text that must not be empty. */
export type Reading = 'yaml' | 'text' | 'secret';

/** What a file must have, where that can be checked before the start. */
export type FileContent = 'a public key' | 'a trusted root' | 'certificates' | 'denied content' | 'Google credentials';

export interface ValueInfo {
  readonly reads: Reading;
  /** For the documentation, such as `duration`, or the allowed words in code spans. */
  readonly format: string;
  /** A number without a unit is nanoseconds, as in distribution. */
  readonly isNanoseconds?: boolean;
  /** A file that must exist when the service starts. */
  readonly isFile?: boolean;
  /** Instead of a file. */
  readonly mayBeDirectory?: boolean;
  /** Absent when only its existence is checked. */
  readonly content?: FileContent | undefined;
}

/** Of each single value in the schema. */
export const valueInfos = z.registry<ValueInfo>();

/** Defaults that are not one fixed value, in words. Markdown. */
export const defaultsInWords = z.registry<{ readonly words: string }>();
