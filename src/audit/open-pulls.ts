import { extname, join } from 'node:path';

import { type CheckedFiles, openChecked, temporaryFiles } from '../lmdb/open-checked.ts';
import { LmdbPulls } from './lmdb-pulls.ts';

const CHECK_PROGRAM = join(import.meta.dirname, `pulls-check${extname(import.meta.filename)}`);

export interface OpenPullsOptions extends Pick<CheckedFiles<LmdbPulls>, 'onDamaged'> {
  /** Absent for a temporary directory, which does not outlive the process. */
  readonly directory: string | undefined;
}

/**
 * Opens the record of pulls. One that is proven to be damaged is moved aside, and a new one is created.
 *
 * @throws the error of the file system when none can be created
 */
export async function openPulls({ directory, onDamaged }: OpenPullsOptions): Promise<LmdbPulls> {
  if (directory === undefined) return LmdbPulls.open({ directory: await temporaryFiles(), temporary: true });
  return openChecked({ directory, onDamaged, checkProgram: CHECK_PROGRAM, open: (options) => LmdbPulls.open(options) });
}
