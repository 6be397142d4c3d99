import type { Adoption, StorageDriver, WriteBatch } from './driver.ts';
import type { StagingArea } from './staging.ts';
import { inBatch } from './write-batch.ts';

/** A finished call of a driver's method. */
export interface TimedAction {
  /** Name of the action in distribution's metrics, such as `GetContent`. */
  readonly action: string;
  readonly path: string;
  readonly durationMs: number;
  /** Absent when the action succeeded. */
  readonly error: unknown;
}

export type ActionListener = (action: TimedAction) => void;

/**
 * Wraps a driver, and times its actions.
 *
 * @param onAction called after each action
 */
export function withTiming(driver: StorageDriver, onAction: ActionListener): StorageDriver {
  const timed = async <T>(action: string, path: string, work: Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const ended = (error: unknown) => onAction({ action, path, durationMs: performance.now() - startedAt, error });
    try {
      const result = await work;
      ended(undefined);
      return result;
    } catch (err) {
      ended(err);
      throw err;
    }
  };
  const timedAdoption = (adoption: Adoption, path: string): Adoption => ({
    available: (bytes) => adoption.available(bytes),
    finish: () => timed('Writer', path, adoption.finish()),
    abort: () => adoption.abort(),
  });
  return {
    name: driver.name,
    spoolDirectory: driver.spoolDirectory,
    staging: timedStaging(driver.staging, timed),
    stat: (path) => timed('Stat', path, driver.stat(path)),
    open: (path) => timed('Reader', path, driver.open(path)),
    readSmall: (path, maxBytes) => timed('GetContent', path, driver.readSmall(path, maxBytes)),
    writeSmall: (path, bytes, options) => timed('PutContent', path, driver.writeSmall(path, bytes, options)),
    adopt: (localFile, path, options) => timed('Writer', path, driver.adopt(localFile, path, options)),
    batch: (work) => inBatch(driver, (batch) => work(timedBatch(batch, timed))),
    ...(driver.secure && { secure: driver.secure.bind(driver) }),
    startAdoption(localFile, path, options) {
      const adoption = driver.startAdoption?.(localFile, path, options);
      return adoption && timedAdoption(adoption, path);
    },
    list: (path) => timed('List', path, driver.list(path)),
    ...(driver.listAfter && { listAfter: timedParts(driver.listAfter.bind(driver), timed) }),
    move: (from, to) => timed('Move', from, driver.move(from, to)),
    delete: (path) => timed('Delete', path, driver.delete(path)),
    deleteEmpty: (path) => timed('Delete', path, driver.deleteEmpty(path)),
    redirectUrl: (path, request) => timed('RedirectURL', path, driver.redirectUrl(path, request)),
    ...(driver.localFile && { localFile: driver.localFile.bind(driver) }),
    ...(driver.objectKey && { objectKey: driver.objectKey.bind(driver) }),
    ...(driver.isWritable && { isWritable: driver.isWritable.bind(driver) }),
    close: () => driver.close(),
  };
}

type Timed = <T>(action: string, path: string, work: Promise<T>) => Promise<T>;

/** Times each part. */
function timedParts(
  listAfter: NonNullable<StorageDriver['listAfter']>,
  timed: Timed,
): NonNullable<StorageDriver['listAfter']> {
  return async function* (path, after, options) {
    const parts = listAfter(path, after, options)[Symbol.asyncIterator]();
    for (;;) {
      const part = await timed('List', path, parts.next());
      if (part.done === true) return;
      yield part.value;
    }
  };
}

function timedBatch(batch: WriteBatch, timed: Timed): WriteBatch {
  return {
    prepare: (path, bytes) => batch.prepare(path, bytes),
    writeSmall: (path, bytes) => timed('PutContent', path, batch.writeSmall(path, bytes)),
    publish: (staged, path) => timed('Move', path, batch.publish(staged, path)),
    relyOn: (path) => batch.relyOn(path),
    settle: (paths) => batch.settle(paths),
  };
}

function timedStaging(staging: StagingArea, timed: Timed): StagingArea {
  return {
    minChunkBytes: staging.minChunkBytes,
    isRemote: staging.isRemote,
    create: (path) => timed('PutContent', path, staging.create(path)),
    size: (path) => timed('Stat', path, staging.size(path)),
    hold: (path) => timed('Writer', path, staging.hold(path)),
  };
}
