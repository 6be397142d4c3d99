import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';

import type { FillTarget } from '../../src/fills/fill-target.ts';
import { Fills } from '../../src/fills/fills.ts';
import { RunningFills } from '../../src/fills/running-fills.ts';
import { SpoolArea } from '../../src/fills/spool-area.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { MemorySource } from '../../src/stream/byte-source.ts';
import type { FakeUpstream } from '../support/fake-upstream.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Where fills put their blobs: a directory, and a list of links. */
class Storage implements FillTarget {
  readonly linked = new Set<string>();
  /** Blobs that were committed with other bytes than their digest names. */
  readonly wrong: Digest[] = [];
  readonly blobs: FillTarget['blobs'] = {
    commit: (repository, digest, localFile) => this.#commit(repository, digest, localFile),
    link: (repository, digest) => this.#link(repository, digest),
  };
  readonly bytes = { open: (digest: Digest) => this.#open(digest) };
  readonly #directory: string;
  readonly #committed = new Set<Digest>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async #commit(repository: string, digest: Digest, localFile: string): Promise<void> {
    const bytes = await readFile(localFile);
    if (`sha256:${createHash('sha256').update(bytes).digest('hex')}` !== digest) this.wrong.push(digest);
    await rename(localFile, this.#pathOf(digest));
    this.#committed.add(digest);
    await this.#link(repository, digest);
  }

  async #link(repository: string, digest: Digest): Promise<void> {
    if (!this.#committed.has(digest)) this.wrong.push(digest);
    this.linked.add(`${repository}@${digest}`);
  }

  async #open(digest: Digest): Promise<MemorySource | undefined> {
    return this.#committed.has(digest) ? new MemorySource(await readFile(this.#pathOf(digest))) : undefined;
  }

  #pathOf(digest: Digest): string {
    return join(this.#directory, digest.replace(':', '-'));
  }
}

export interface Pulled {
  readonly bytes: Buffer;
  readonly error: unknown;
  readonly hasLeft: boolean;
}

export interface PullOptions {
  readonly upstream: FakeUpstream;
  readonly repository: string;
  readonly digest: Digest;
  /** The client leaves once it has so many bytes. @default it stays */
  readonly leaveAfter?: number | undefined;
}

/** Fills over a temporary directory, with clients that pull. @param spoolDirectory somewhere else, when it is given */
export async function startFills({ spoolDirectory: elsewhere }: { readonly spoolDirectory?: string } = {}) {
  const directory = await temporaryDirectory();
  const spoolDirectory = elsewhere ?? join(directory.path, 'fills');
  await mkdir(join(directory.path, 'blobs'));
  const storage = new Storage(join(directory.path, 'blobs'));
  const spools = new SpoolArea({
    directory: spoolDirectory,
    maxBytes: 1024 ** 3,
    keepMs: 60_000,
    buffers: new BufferPool(),
  });
  await spools.start();
  const ended: string[] = [];
  const running = new RunningFills();
  const fills = new Fills({
    running,
    spools,
    target: storage,
    limits: { total: 4, perUpstream: 4, maxWaitMs: 5_000 },
    minRate: 0,
    events: {
      fillStarted: () => {},
      fillResumed: () => ended.push('resumed'),
      fillCompleted: () => ended.push('completed'),
      fillFailed: () => ended.push('failed'),
      fillDiscarded: () => ended.push('discarded'),
      fillReaders: () => {},
      storageFull: () => {},
      storageRecovered: () => {},
    },
  });
  return {
    fills,
    storage,
    /** Resolves when nothing is being filled. */
    idle: () => running.idle(),
    /** Names of the events of fills, without their starts. */
    ended,
    pull: (options: PullOptions) => pull(fills, storage, options),
    spoolFiles: async () =>
      Promise.all((await readdir(spoolDirectory)).map((file) => readFile(join(spoolDirectory, file)))),
    locks: () => readdir(`${spoolDirectory}.locks`),
    async [Symbol.asyncDispose]() {
      await fills.stop();
      spools.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** As the registry does: from storage, or from a fill; once more when the fill ended meanwhile. */
async function pull(fills: Fills, storage: Storage, options: PullOptions): Promise<Pulled> {
  const { upstream, repository, digest, leaveAfter = Infinity } = options;
  const left = new AbortController();
  const chunks: Buffer[] = [];
  let received = 0;
  try {
    const source = await open(fills, storage, { upstream, repository, digest });
    try {
      for await (const chunk of source.read({ start: 0, end: source.size }, { signal: left.signal })) {
        chunks.push(Buffer.from(chunk)); // valid only until the next one
        received += chunk.length;
        if (received >= leaveAfter) left.abort(new Error('left'));
      }
    } finally {
      await source.close();
    }
    return { bytes: Buffer.concat(chunks), error: undefined, hasLeft: left.signal.aborted };
  } catch (error) {
    return { bytes: Buffer.concat(chunks), error, hasLeft: left.signal.aborted };
  }
}

async function open(fills: Fills, storage: Storage, { upstream, repository, digest }: PullOptions) {
  for (;;) {
    const stored = storage.linked.has(`${repository}@${digest}`) && (await storage.bytes.open(digest));
    if (stored) return stored;
    const filled = await fills.open({
      blob: { upstream, repository, digest },
      stored: repository,
      confirm: async () => void (await upstream.resolveBlob(repository, digest)),
    });
    if (filled) return filled.source;
  }
}
