import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface LocalFile extends AsyncDisposable {
  readonly path: string;
}

/** A file in a temporary directory, which is removed on disposal. @param bytes absent: the file does not exist */
export async function createLocalFile(bytes?: Uint8Array): Promise<LocalFile> {
  const directory = await mkdtemp(join(tmpdir(), 'layover-testing-'));
  const path = join(directory, 'local');
  if (bytes) await writeFile(path, bytes);
  return { path, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true, maxRetries: 5 }) };
}
