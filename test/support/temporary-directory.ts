import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory of its own below the system's temporary one; `await using` removes it with everything in it. */
export async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'layover-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

export type TemporaryDirectory = Awaited<ReturnType<typeof temporaryDirectory>>;
