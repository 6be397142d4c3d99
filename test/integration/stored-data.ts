import { readFile } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { expect } from 'vitest';

import { filesBelow, readVisibleBlobs } from '../support/data-directory.ts';
import type { Layover } from '../support/layover.ts';

/** `_layers/sha256/<hex>/link`, `_manifests/revisions/sha256/<hex>/link`, `_manifests/tags/<tag>/index/sha256/<hex>/link` */
const LINK_WITH_DIGEST = /\/(_layers|_manifests\/revisions|_manifests\/tags\/[^/]+\/index)\/(\w+)\/(\w+)\/link$/;

/**
 * Everything in a data directory that a reader would take for content and that is none: blobs whose bytes have another
 * digest, links that say another digest than their path, or that lead to nothing. One line each.
 */
async function problemsIn(root: string): Promise<readonly string[]> {
  // Links before blobs: bytes are stored before what links them, also by a request that is still running.
  const links = await readLinks(join(root, 'docker/registry/v2/repositories'));
  const blobs = await readVisibleBlobs(root);
  const known = new Set(blobs.map(({ digest }) => digest));
  const broken = blobs
    .filter(({ intact }) => !intact)
    .map(({ digest, size }) => `broken blob ${digest}, ${size} bytes`);
  return [...broken, ...links.flatMap((link) => linkProblems(link, known))].map((problem) => problem.replace(root, ''));
}

interface Link {
  readonly path: string;
  readonly target: string;
}

async function readLinks(repositories: string): Promise<Link[]> {
  const paths = (await filesBelow(repositories)).filter((path) => basename(path) === 'link');
  const links = await Promise.all(paths.map(async (path) => ({ path, target: await readIfThere(path) })));
  return links.flatMap(({ path, target }) => (target === undefined ? [] : [{ path, target }]));
}

/** A request that is still running may delete it meanwhile. */
async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((err: NodeJS.ErrnoException) => {
    if (err.code !== 'ENOENT') throw err;
    return undefined;
  });
}

function linkProblems({ path, target }: Link, blobs: ReadonlySet<string>): string[] {
  const [, , algorithm, hex] = LINK_WITH_DIGEST.exec(path.split(sep).join('/')) ?? [];
  const isElsewhere = hex !== undefined && target !== `${algorithm}:${hex}`;
  if (isElsewhere) return [`${path} says ${target}`];
  return blobs.has(target) ? [] : [`${path} leads to ${target}, which is not there`];
}

/** Nothing in storage is wrong. */
export async function expectNothingBroken(layover: Pick<Layover, 'dataDirectory'>): Promise<void> {
  expect(await problemsIn(layover.dataDirectory)).toEqual([]);
}

/** Waits until the fills are over and linked and these blobs, among others, are visible; and nothing is wrong. */
export async function expectStored(layover: Layover, digests: readonly string[]): Promise<void> {
  // A blob is visible a little before it is linked.
  await layover.settled();
  const visible = (await layover.visibleBlobs()).map(({ digest }) => digest);
  expect(visible).toEqual(expect.arrayContaining([...digests]));
  await expectNothingBroken(layover);
}

/** None of these is visible, and nothing else is wrong. */
export async function expectNotStored(layover: Layover, digests: readonly string[]): Promise<void> {
  const visible = (await layover.visibleBlobs()).map(({ digest }) => digest);
  expect(visible.filter((digest) => digests.includes(digest))).toEqual([]);
  await expectNothingBroken(layover);
}

/** Repositories with anything in them, by their names in the storage. */
export async function storedRepositories(root: string): Promise<readonly string[]> {
  const folder = join(root, 'docker/registry/v2/repositories');
  const names = (await filesBelow(folder)).map((path) => relative(folder, path).split(/\/_(?:layers|manifests)\//)[0]);
  return [...new Set(names as string[])].sort();
}
