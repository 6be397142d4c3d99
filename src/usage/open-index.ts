import { extname, join } from 'node:path';

import { type CheckedFiles, openChecked, temporaryFiles } from '../lmdb/open-checked.ts';
import { LmdbIndex } from './lmdb-index.ts';

const CHECK_PROGRAM = join(import.meta.dirname, `index-check${extname(import.meta.filename)}`);

export interface OpenIndexOptions extends Pick<CheckedFiles<LmdbIndex>, 'onDamaged'> {
  /** Absent for a temporary directory, which does not outlive the process. */
  readonly directory: string | undefined;
}

/**
 * Opens the index. An index that is proven to be damaged is moved aside, and a new one is created.
 *
 * @throws the error of the file system when no index can be created
 */
export async function openIndex({ directory, onDamaged }: OpenIndexOptions): Promise<LmdbIndex> {
  if (directory === undefined) return LmdbIndex.open({ directory: await temporaryFiles(), temporary: true });
  return openChecked({ directory, onDamaged, checkProgram: CHECK_PROGRAM, open: (options) => LmdbIndex.open(options) });
}
