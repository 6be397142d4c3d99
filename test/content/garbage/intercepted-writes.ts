import type { WriteBatch } from '../../../src/storage/driver.ts';
import type { Replica } from './content-model.ts';

/** `around` runs each write of a small file by the replica, alone or in a batch. */
export function interceptWrites(
  { driver }: Replica,
  around: (path: string, write: () => Promise<void>) => Promise<void>,
): void {
  const intercept = (writer: Pick<WriteBatch, 'writeSmall'>) => {
    const write = writer.writeSmall.bind(writer);
    writer.writeSmall = (...file) => around(file[0], () => write(...file));
  };
  intercept(driver);
  const batch = driver.batch?.bind(driver);
  if (!batch) throw new Error('expected a driver with batches');
  driver.batch = (work) =>
    batch(async (writes) => {
      intercept(writes);
      return await work(writes);
    });
}
