import type { Digest } from '../../oci/digest.ts';
import type { UnreadablePathError } from '../../storage/driver.ts';
import { inTurns } from '../../stream/next-turn.ts';
import { forEach } from '../for-each.ts';
import { walkRepositories } from '../inventory.ts';
import { REPOSITORIES } from '../paths.ts';
import {
  type DeadLinks,
  type ManifestMemory,
  type MarkedStores,
  type MarkPolicy,
  markUntouched,
  markRepository,
  type RepositoryMark,
} from './repository-mark.ts';

const MAX_CONCURRENT = 8;

/** All repositories, each as it was when it was scanned. */
export interface Scan {
  readonly marks: ReadonlyMap<string, RepositoryMark>;
  readonly held: ReadonlySet<Digest>;
  /** Repositories and directories whose links could not be read: they may hold any bytes. */
  readonly unreadable: readonly { readonly repository: string; readonly reason: string }[];
}

export interface ScanOptions {
  readonly stores: MarkedStores;
  readonly policy: MarkPolicy;
  readonly memory: ManifestMemory;
  readonly isCollected: (repository: string) => boolean;
  /** Called for each repository. May throw to end the scan. */
  readonly onRepository: (done: number, total: number) => void;
}

export async function scanAll({ stores, policy, memory, isCollected, onRepository }: ScanOptions): Promise<Scan> {
  const names: string[] = [];
  const unreadable: { repository: string; reason: string }[] = [];
  const onUnreadable = ({ path, message }: UnreadablePathError) =>
    void unreadable.push({ repository: path.slice(REPOSITORIES.length + 1), reason: message });
  for await (const name of walkRepositories(stores.driver, onUnreadable)) names.push(name);
  const marks = new Map<string, RepositoryMark>();
  const held = new Set<Digest>();
  let done = 0;
  const scan = async (repository: string) => {
    onRepository(done++, names.length);
    try {
      const mark = isCollected(repository)
        ? await markRepository(stores, repository, { policy, memory })
        : await markUntouched(stores, repository);
      marks.set(repository, mark);
      await inTurns(mark.held, (digest) => held.add(digest));
    } catch (err) {
      unreadable.push({ repository, reason: err instanceof Error ? err.message : String(err) });
    }
  };
  await forEach(names, scan, { concurrency: MAX_CONCURRENT });
  return { marks, held, unreadable };
}

/**
 * Keeps the garbage of both scans, by the same link. Content that became garbage or was linked again in between holds its bytes.
 *
 * @returns the second scan, without garbage that is new there
 */
export function stillGarbage(first: Scan, second: Scan, memory: ManifestMemory): Scan {
  const held = new Set(second.held);
  const hold = (digest: Digest) => {
    held.add(digest);
    for (const part of memory.get(digest)?.parts ?? []) held.add(part);
  };
  const marks = new Map(
    [...second.marks].map(([repository, mark]) => {
      const before = first.marks.get(repository);
      const deadManifests = inBoth(before?.deadManifests, mark.deadManifests, hold);
      const deadBlobs = inBoth(before?.deadBlobs, mark.deadBlobs, hold);
      return [repository, { ...mark, deadManifests, deadBlobs }];
    }),
  );
  return { marks, held, unreadable: second.unreadable };
}

function inBoth(first: DeadLinks | undefined, second: DeadLinks, onOther: (digest: Digest) => void): DeadLinks {
  const both = new Map<Digest, number>();
  for (const [digest, madeAt] of second) {
    if (first?.get(digest) === madeAt) both.set(digest, madeAt);
    else onOther(digest);
  }
  return both;
}
