/** The program of the child process: `index-check DIRECTORY`. Prints why the index is damaged. */
import { DAMAGED_EXIT_CODE, isSystemError } from '../lmdb/lmdb-files.ts';
import { LmdbIndex } from './lmdb-index.ts';

try {
  const index = await LmdbIndex.open({ directory: process.argv[2] ?? '' });
  index.verify();
  await index.close();
} catch (err) {
  process.stdout.write(err instanceof Error ? err.message : String(err));
  process.exitCode = isSystemError(err) ? 1 : DAMAGED_EXIT_CODE;
}
