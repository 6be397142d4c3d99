import { join } from 'node:path';

import { blobDataPath, layerLinkPath, revisionLinkPath } from '../../src/content/paths.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { DiskModel, type LeftFiles } from '../support/power-loss/disk-model.ts';
import { type Entry, startJournal } from '../support/power-loss/journal.ts';
import { runProgram } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const PROGRAM = join(import.meta.dirname, 'recorded-writer.ts');

export const REPOSITORY = 'team/a';
export const OTHER_REPOSITORY = 'pulled/a';

/** How a step of recorded-writer.ts ended. */
export interface StepEnd {
  readonly step: string;
  readonly error?: string;
  /** In the journal. */
  readonly position: number;
}

export interface Recorded {
  readonly ends: readonly StepEnd[];
  readonly entries: readonly Entry[];
}

/** @param processes steps of each process, one process after the other */
export async function recordSteps(processes: readonly (readonly string[])[]): Promise<Recorded> {
  await using data = await temporaryDirectory();
  await using journal = await startJournal(data.path);
  const ends: StepEnd[] = [];
  for (const steps of processes) {
    const args = ['--import', 'tsx', PROGRAM, data.path, ...steps];
    const { stdout, stderr } = await runProgram(process.execPath, args, { env: { ...process.env, ...journal.env } });
    const lines = stdout.split('\n').filter(Boolean);
    if (lines.length < steps.length) throw new Error(stderr);
    ends.push(...lines.map((line) => JSON.parse(line) as StepEnd));
  }
  return { ends, entries: await journal.read() };
}

/** The files that there were at each position of the journal after `from`. */
export function* modelsAfter({ entries }: Recorded, from: number): Generator<DiskModel> {
  const model = new DiskModel();
  for (const entry of entries) {
    if (entry.at > from) yield model;
    model.apply(entry);
  }
  yield model;
}

/** A manifest whose config is the blob with the bytes `name`. */
export function imageFor(name: string): { readonly bytes: Buffer; readonly digest: Digest; readonly config: Digest } {
  const config = digestOf(Buffer.from(name));
  const descriptor = { mediaType: 'application/octet-stream', digest: config, size: name.length };
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: descriptor, layers: [] }),
  );
  return { bytes, digest: digestOf(bytes), config };
}

/** What of an image is missing or wrong. */
export function missingOf(name: string, left: LeftFiles): string[] {
  const { bytes, digest, config } = imageFor(name);
  const files: Record<string, string> = {
    [revisionLinkPath(REPOSITORY, digest)]: digest,
    [blobDataPath(digest)]: String(bytes),
    [layerLinkPath(REPOSITORY, config)]: config,
    [blobDataPath(config)]: name,
  };
  return Object.keys(files).filter((path) => String(left.read(path)) !== files[path]);
}
