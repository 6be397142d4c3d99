import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { ARCHITECTURES } from '../packaging/architecture.ts';
import { factsOf } from '../packaging/facts.ts';
import { makeDeb } from '../packaging/make-deb.ts';
import { makeImage } from '../packaging/make-image.ts';
import type { Environment } from './commands.ts';
import { type Artifact, provenanceOf } from './provenance.ts';

/**
 * Makes the container images and the Debian packages of a built checkout.
 *
 * @param out directory for the files to publish
 * @returns their names
 */
export async function makePackages(root: string, out: string, env: Environment): Promise<string[]> {
  const facts = await factsOf(root, env);
  const made = join(root, 'build/release');
  await rm(made, { recursive: true, force: true });
  const image = await makeImage({ root, architectures: ARCHITECTURES, out: join(made, 'image'), ...facts });
  const debs: string[] = [];
  for (const architecture of ARCHITECTURES) {
    debs.push(await makeDeb({ root, architecture, out: join(made, 'deb'), ...facts }));
  }
  const files = [...image.files, ...debs];
  for (const file of files) await copyFile(file, join(out, basename(file)));
  return files.map((file) => basename(file));
}

/** Writes the checksums of files that are published, and the statement how they were made. @returns the files with their checksums */
export async function writeStatements(
  names: readonly string[],
  { out, version, commit }: { readonly out: string; readonly version: string; readonly commit: string },
): Promise<Artifact[]> {
  await mkdir(out, { recursive: true });
  const artifacts: Artifact[] = [];
  for (const name of names.toSorted()) artifacts.push({ name, sha256: sha256(await readFile(join(out, name))) });
  const sums = artifacts.map((artifact) => `${artifact.sha256}  ${artifact.name}\n`).join('');
  await writeFile(join(out, `layover-${version}.sha256`), sums);
  await writeFile(join(out, `layover-${version}.provenance.json`), provenanceOf(artifacts, { version, commit }));
  return artifacts;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
