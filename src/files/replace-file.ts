import { randomUUID } from 'node:crypto';
import { chown, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface FileOwnership {
  /** Permissions. @default 0666 without the umask */
  readonly mode?: number;
  /** Of user and group. Absent: those of the process. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** Readers see the old file or the new one. */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  { mode, owner }: FileOwnership = {},
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    await using file = await open(temporary, 'wx', mode);
    await file.writeFile(content);
    if (mode !== undefined) await file.chmod(mode);
    if (owner) await chown(temporary, owner.uid, owner.gid);
    await file.sync();
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
