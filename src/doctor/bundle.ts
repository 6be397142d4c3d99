import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

import { pack } from 'tar-stream';

import type { Diagnosis } from './doctor.ts';

export interface BundleContent {
  readonly version: string;
  readonly diagnosis: Diagnosis;
  /** Without secrets. Absent when it is not valid. */
  readonly config: unknown;
}

/** Writes what a bug report needs. @throws when the file cannot be written */
export async function writeBundle(path: string, { version, diagnosis, config }: BundleContent): Promise<void> {
  const archive = pack();
  archive.entry({ name: 'version.txt' }, `layover ${version}\n`);
  archive.entry({ name: 'diagnosis.json' }, `${JSON.stringify(diagnosis, null, 2)}\n`);
  if (config !== undefined) archive.entry({ name: 'config.json' }, `${JSON.stringify(config, null, 2)}\n`);
  archive.finalize();
  await pipeline(archive, createGzip(), createWriteStream(path, { mode: 0o600 }));
}
