import { createHash } from 'node:crypto';

import { type Digest, isDigest } from '../oci/digest.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { orUndefined } from './links.ts';
import type { NewLink } from './link-ledger.ts';
import { UNRECORDED, unrecordedDirectory } from './paths.ts';

const MAX_NOTE_BYTES = 4096;

/**
 * Notes in the storage about links that were made while the usage index was unavailable. They outlive the process, and every process with the
 * same storage reads them: as long as there is a note, the index does not have all links of the digest.
 */
export class UnrecordedLinks {
  readonly #driver: StorageDriver;

  constructor(driver: StorageDriver) {
    this.#driver = driver;
  }

  async note({ repository, digest, kind, size }: NewLink): Promise<void> {
    const text = JSON.stringify({ repository, digest, kind, size });
    await this.#driver.writeSmall(pathOf({ repository, digest, kind }), Buffer.from(text));
  }

  async has(digest: Digest): Promise<boolean> {
    return ((await orUndefined(this.#driver.list(unrecordedDirectory(digest)))) ?? []).length > 0;
  }

  /** The index has the link now. */
  async remove(link: Pick<NewLink, 'repository' | 'digest' | 'kind'>): Promise<void> {
    await this.#driver.delete(pathOf(link));
  }

  async *all(): AsyncGenerator<NewLink, void, void> {
    for (const name of (await orUndefined(this.#driver.list(UNRECORDED))) ?? []) {
      const directory = `${UNRECORDED}/${name}`;
      for (const file of (await orUndefined(this.#driver.list(directory))) ?? []) {
        const bytes = await orUndefined(this.#driver.readSmall(`${directory}/${file}`, MAX_NOTE_BYTES));
        const link = bytes && parseNote(bytes.toString());
        if (link) yield link;
      }
    }
  }
}

function pathOf({ repository, digest, kind }: Pick<NewLink, 'repository' | 'digest' | 'kind'>): string {
  const name = createHash('sha256').update(`${kind} ${repository}`).digest('hex').slice(0, 32);
  return `${unrecordedDirectory(digest)}/${name}`;
}

/** @returns undefined for anything that is not a note */
function parseNote(text: string): NewLink | undefined {
  try {
    const { repository, digest, kind, size } = JSON.parse(text) as Partial<NewLink>;
    const isNote = typeof repository === 'string' && typeof digest === 'string' && isDigest(digest);
    return isNote && (kind === 'manifest' || kind === 'blob') && typeof size === 'number'
      ? { repository, digest, kind, size }
      : undefined;
  } catch {
    return undefined;
  }
}
