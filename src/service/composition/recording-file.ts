import type { Recording } from '../../operations/recording-control.ts';
import { PathNotFoundError, type StorageDriver } from '../../storage/driver.ts';

const PATH = '/layover/recordings.json';
const DAMAGED = `${PATH}.damaged`;
const MAX_BYTES = 256 * 1024;

export interface RecordingFileOptions {
  readonly driver: Pick<StorageDriver, 'readSmall' | 'writeSmall' | 'delete'>;
  /** The file was damaged, and is kept under another path in storage. */
  readonly onDamaged: (event: { readonly reason: string; readonly movedTo: string }) => void;
}

/** Recordings in progress, in the storage, so that a restart does not end them. */
export class RecordingFile {
  readonly #options: RecordingFileOptions;

  constructor(options: RecordingFileOptions) {
    this.#options = options;
  }

  async load(): Promise<Recording[]> {
    const bytes = await this.#read();
    if (!bytes) return [];
    try {
      return parseRecordings(bytes.toString());
    } catch (err) {
      await this.#moveAside(bytes, err instanceof Error ? err.message : String(err));
      return [];
    }
  }

  async save(recordings: readonly Recording[]): Promise<void> {
    await this.#options.driver.writeSmall(PATH, Buffer.from(JSON.stringify(recordings)));
  }

  async #read(): Promise<Buffer | undefined> {
    try {
      return await this.#options.driver.readSmall(PATH, MAX_BYTES);
    } catch (err) {
      if (err instanceof PathNotFoundError) return undefined;
      throw err;
    }
  }

  async #moveAside(bytes: Buffer, reason: string): Promise<void> {
    const { driver, onDamaged } = this.#options;
    await driver.writeSmall(DAMAGED, bytes);
    await driver.delete(PATH);
    onDamaged({ reason, movedTo: DAMAGED });
  }
}

/** @throws {Error} */
function parseRecordings(text: string): Recording[] {
  const found: unknown = JSON.parse(text);
  if (!Array.isArray(found) || !found.every(isRecording)) throw new Error('not a list of recordings');
  return found;
}

function isRecording(value: unknown): value is Recording {
  const { name, startedAt, endsAt } = (value ?? {}) as Record<string, unknown>;
  return typeof name === 'string' && typeof startedAt === 'number' && typeof endsAt === 'number';
}
