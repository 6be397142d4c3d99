import { type Digest, isDigest } from '../oci/digest.ts';
import { type FileInfo, type StorageDriver, UnreadablePathError } from '../storage/driver.ts';
import { orUndefined } from './links.ts';
import { blobDataPath, BLOBS, layersPath, REPOSITORIES, revisionsPath } from './paths.ts';
import { listReadable, mayHoldRepositories, type UnreadableListener } from './readable.ts';

export interface StoredDigest {
  readonly digest: Digest;
  readonly size: number;
}

export interface StoredLink {
  readonly digest: Digest;
  readonly kind: 'manifest' | 'blob';
}

/** Progress of {@link walkBytes} in directories. */
export interface WalkProgress {
  readonly done: number;
  readonly total: number;
}

export interface WalkOptions {
  /** Only digests after this one. */
  readonly after?: Digest | undefined;
  readonly onProgress?: (progress: WalkProgress) => void;
  /** Called for bytes that cannot be read; they are left out. */
  readonly onUnreadable?: (digest: Digest, error: UnreadablePathError) => void;
}

const ALGORITHMS = ['sha256', 'sha512'] as const;

/** Every digest whose bytes are stored, in the order of algorithm and hex. */
export async function* walkBytes(driver: StorageDriver, options: WalkOptions = {}): AsyncGenerator<StoredDigest> {
  for await (const digest of walkDigests(driver, options)) {
    const info = await statBytes(driver, digest, options);
    if (info && !info.isDirectory) yield { digest, size: info.size };
  }
}

async function statBytes(
  driver: StorageDriver,
  digest: Digest,
  { onUnreadable }: WalkOptions,
): Promise<FileInfo | undefined> {
  try {
    return await orUndefined(driver.stat(blobDataPath(digest)));
  } catch (err) {
    if (!(err instanceof UnreadablePathError)) throw err;
    onUnreadable?.(digest, err);
    return undefined;
  }
}

/** As {@link walkBytes}, judging by directories only: the bytes of a digest may be missing. */
export async function* walkDigests(driver: StorageDriver, options: WalkOptions = {}): AsyncGenerator<Digest> {
  const { after = '', onProgress } = options;
  const prefixes = await listPrefixes(driver);
  for (const [done, { algorithm, prefix }] of prefixes.entries()) {
    onProgress?.({ done, total: prefixes.length });
    if (`${algorithm}:${prefix}` < after.slice(0, `${algorithm}:${prefix}`.length)) continue;
    for (const hex of await listReadable(driver, `${BLOBS}/${algorithm}/${prefix}`, leaveOut)) {
      const digest = `${algorithm}:${hex}`;
      if (isDigest(digest) && digest > after) yield digest;
    }
  }
  onProgress?.({ done: prefixes.length, total: prefixes.length });
}

/** Unreadable bytes count as absent when bytes are counted or removed. */
function leaveOut(): void {}

async function listPrefixes(driver: StorageDriver) {
  const found = [];
  for (const algorithm of ALGORITHMS) {
    const prefixes = (await orUndefined(driver.list(`${BLOBS}/${algorithm}`))) ?? [];
    found.push(...prefixes.map((prefix) => ({ algorithm, prefix })));
  }
  return found;
}

/**
 * Every repository that has content, a manifest or only blobs.
 *
 * @param onUnreadable called with directories that may hold more
 */
export async function* walkRepositories(
  driver: StorageDriver,
  onUnreadable: UnreadableListener,
  directory = '',
): AsyncGenerator<string, void, void> {
  const names = await listReadable(driver, `${REPOSITORIES}${directory}`, (error) => {
    if (mayHoldRepositories(error.path)) onUnreadable(error);
  });
  if (names.includes('_manifests') || names.includes('_layers')) yield directory.slice(1);
  for (const name of names) {
    if (!name.startsWith('_')) yield* walkRepositories(driver, onUnreadable, `${directory}/${name}`);
  }
}

/** The links of a repository, judging by directories: a directory may be left without its link. */
export async function* walkLinks(driver: StorageDriver, repository: string): AsyncGenerator<StoredLink, void, void> {
  for (const algorithm of ALGORITHMS) {
    const directories = {
      manifest: revisionsPath(repository, algorithm),
      blob: layersPath(repository, algorithm),
    };
    for (const kind of ['manifest', 'blob'] as const) {
      for (const hex of (await orUndefined(driver.list(directories[kind]))) ?? []) {
        const digest = `${algorithm}:${hex}`;
        if (isDigest(digest)) yield { digest, kind };
      }
    }
  }
}
