/** The program of the child process: `pulls-check DIRECTORY`. Prints why the record of pulls is damaged. */
import { DAMAGED_EXIT_CODE, isSystemError } from '../lmdb/lmdb-files.ts';
import { LmdbPulls } from './lmdb-pulls.ts';

try {
  const pulls = await LmdbPulls.open({ directory: process.argv[2] ?? '' });
  pulls.verify();
  await pulls.close();
} catch (err) {
  process.stdout.write(err instanceof Error ? err.message : String(err));
  process.exitCode = isSystemError(err) ? 1 : DAMAGED_EXIT_CODE;
}
