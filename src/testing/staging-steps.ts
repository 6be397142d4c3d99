import type { StorageDriver } from '../storage/driver.ts';
import type { StagedFile } from '../storage/staging.ts';

/** Does work while holding a staged file, and releases it whatever happens. */
export async function holding<T>(
  driver: StorageDriver,
  path: string,
  work: (staged: StagedFile) => Promise<T>,
): Promise<T> {
  const staged = await driver.staging.hold(path);
  try {
    return await work(staged);
  } finally {
    await staged.release();
  }
}

/** One chunk of an upload. */
export async function appendAndKeep(driver: StorageDriver, path: string, bytes: Uint8Array): Promise<void> {
  await holding(driver, path, async (staged) => {
    await staged.write([bytes]);
    await staged.keep();
  });
}
