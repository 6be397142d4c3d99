import { type Digest, digestAlgorithm } from '../../oci/digest.ts';
import type { ParsedManifest } from '../../oci/manifest.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import { forEach } from '../for-each.ts';
import { type StoredLink, walkLinks } from '../inventory.ts';
import { type LinkStore, orUndefined } from '../links.ts';
import type { ManifestFiles } from '../manifest-files.ts';
import { inTurns } from '../../stream/next-turn.ts';
import { layerLinkPath, revisionLinkPath } from '../paths.ts';
import type { TagStore } from '../tags.ts';
import { livingManifests, type RevisionNode } from './living-manifests.ts';

const MAX_CONCURRENT_READS = 8;

export interface MarkPolicy {
  /** Manifests that no tag leads to are garbage. */
  readonly deleteUntagged: boolean;
  /** Referrers of a living manifest live too. */
  readonly keepReferrers: boolean;
  /** Links written at or after this are never garbage: a push may be about to use them. Unix milliseconds. */
  readonly youngSince: number;
}

/** Garbage, with the time at which its link was written: a link that was written again is not garbage. Unix milliseconds. */
export type DeadLinks = ReadonlyMap<Digest, number>;

/** The garbage of one repository. */
export interface RepositoryMark {
  readonly deadManifests: DeadLinks;
  /** Links of blobs that no living manifest refers to. */
  readonly deadBlobs: DeadLinks;
  /** Digests whose bytes the repository needs. */
  readonly held: ReadonlySet<Digest>;
  /** Manifests that cannot be read. When there are any, everything in the repository is held. */
  readonly damaged: readonly Digest[];
}

export interface MarkedStores {
  readonly driver: StorageDriver;
  readonly links: LinkStore;
  readonly manifests: ManifestFiles;
  readonly tags: TagStore;
}

/** The bytes of a digest never change, so each manifest is read once for all repositories and both scans. */
export type ManifestMemory = Map<Digest, Pick<RevisionNode, 'parts' | 'subject'>>;

/** Marks a repository whose content must stay: every link holds its bytes. */
export async function markUntouched({ driver, links }: MarkedStores, repository: string): Promise<RepositoryMark> {
  const held = new Set<Digest>();
  const found: StoredLink[] = [];
  for await (const link of walkLinks(driver, repository)) found.push(link);
  const hold = async (link: StoredLink) => {
    if (!(await isThere(driver, repository, link))) return;
    held.add(link.digest);
    if (link.kind === 'blob') await addTarget(links, repository, link.digest, held);
  };
  await forEach(found, hold, { concurrency: MAX_CONCURRENT_READS });
  return { deadManifests: new Map(), deadBlobs: new Map(), held, damaged: [] };
}

/** Marks the garbage of a repository. */
export async function markRepository(
  stores: MarkedStores,
  repository: string,
  { policy, memory }: { readonly policy: MarkPolicy; readonly memory: ManifestMemory },
): Promise<RepositoryMark> {
  const { revisions, blobs } = await listLinks(stores.driver, repository);
  const { nodes, damaged } = await readManifests(stores, repository, { revisions, memory });
  if (damaged.length > 0) return { ...(await markUntouched(stores, repository)), damaged };
  const { driver, links, tags } = stores;
  const madeAt = (path: string) => timeOf(driver, path);
  const roots = new Set(nodes.keys());
  const unwanted = new Map<Digest, number>();
  if (policy.deleteUntagged) {
    const tagged = new Set((await tags.all(repository)).map(({ digest }) => digest));
    for (const digest of nodes.keys()) {
      const at = tagged.has(digest) ? undefined : await madeAt(revisionLinkPath(repository, digest));
      if (at === undefined || at >= policy.youngSince) continue;
      roots.delete(digest);
      unwanted.set(digest, at);
    }
  }
  const held = await livingManifests(nodes, roots, policy);
  for (const digest of held) unwanted.delete(digest);
  await inTurns([...held], (digest) => nodes.get(digest)?.parts.forEach((part) => held.add(part)));
  const deadBlobs = new Map<Digest, number>();
  for (const digest of blobs) {
    const at = held.has(digest) ? undefined : await madeAt(layerLinkPath(repository, digest));
    if (at === undefined && !held.has(digest)) continue; // a directory left without its link
    if (at !== undefined && at < policy.youngSince) {
      deadBlobs.set(digest, at);
      continue;
    }
    held.add(digest);
    await addTarget(links, repository, digest, held);
  }
  return { deadManifests: unwanted, deadBlobs, held, damaged: [] };
}

async function listLinks(driver: StorageDriver, repository: string) {
  const revisions: Digest[] = [];
  const blobs: Digest[] = [];
  for await (const { digest, kind } of walkLinks(driver, repository))
    (kind === 'manifest' ? revisions : blobs).push(digest);
  return { revisions, blobs };
}

async function readManifests(
  { manifests }: MarkedStores,
  repository: string,
  { revisions, memory }: { readonly revisions: readonly Digest[]; readonly memory: ManifestMemory },
) {
  const nodes = new Map<Digest, RevisionNode>();
  const damaged: Digest[] = [];
  const read = async (digest: Digest) => {
    if (!(await manifests.has(repository, digest))) return; // a directory left without its link
    const known = memory.get(digest) ?? (await readManifest(manifests, repository, digest));
    if (known) {
      memory.set(digest, known);
      nodes.set(digest, known);
    } else if (await manifests.has(repository, digest)) damaged.push(digest); // unless it was deleted meanwhile
  };
  await forEach(revisions, read, { concurrency: MAX_CONCURRENT_READS });
  return { nodes, damaged };
}

async function readManifest(
  manifests: ManifestFiles,
  repository: string,
  digest: Digest,
): Promise<RevisionNode | undefined> {
  const found = await manifests.findParts(repository, digest);
  return found && toNode(found);
}

function toNode({ references, subject }: Pick<ParsedManifest, 'references' | 'subject'>): RevisionNode {
  return { parts: references.map((part) => part.digest), subject: subject?.digest };
}

/**
 * Distribution leaves the directory of a link that it deletes. An object store has no empty directories, and there each check would cost a
 * request.
 */
async function isThere(driver: StorageDriver, repository: string, { digest, kind }: StoredLink): Promise<boolean> {
  if (driver.staging.isRemote) return true;
  const path = kind === 'blob' ? layerLinkPath(repository, digest) : revisionLinkPath(repository, digest);
  return (await timeOf(driver, path)) !== undefined;
}

/** Undefined when there is no link. */
async function timeOf(driver: StorageDriver, path: string): Promise<number | undefined> {
  return (await orUndefined(driver.stat(path)))?.modifiedAt.getTime();
}

/** A sha512 link may lead to bytes stored under their sha256. */
async function addTarget(links: LinkStore, repository: string, digest: Digest, held: Set<Digest>): Promise<void> {
  if (digestAlgorithm(digest) === 'sha256') return;
  const target = await links.find(layerLinkPath(repository, digest));
  if (target) held.add(target);
}
