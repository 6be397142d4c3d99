import { open, readFile, rm } from 'node:fs/promises';
import { kill, pid } from 'node:process';

import { ImageError } from './image-error.ts';

/** Keeps two processes of a machine from writing to one layout. A lock of a process that has ended is replaced. */
export class LayoutLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws {ImageError} when another process has it */
  static async take(path: string, layout: string): Promise<LayoutLock> {
    for (let tries = 0; tries < 3; tries++) {
      try {
        const file = await open(path, 'wx');
        await file.writeFile(String(pid)).finally(() => file.close());
        return new LayoutLock(path);
      } catch (err) {
        if (!(err instanceof Error && 'code' in err && err.code === 'EEXIST')) throw err;
        const owner = Number(await readFile(path, 'utf8').catch(() => ''));
        if (isRunning(owner)) break;
        await rm(path, { force: true });
      }
    }
    throw new ImageError(`${layout}: another process is writing to it (if there is none, remove ${path})`);
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

function isRunning(owner: number): boolean {
  if (!Number.isSafeInteger(owner) || owner <= 0 || owner === pid) return false;
  try {
    return kill(owner, 0);
  } catch (err) {
    return err instanceof Error && 'code' in err && err.code === 'EPERM';
  }
}
