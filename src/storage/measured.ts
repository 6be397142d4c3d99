import type { Adoption, StorageDriver } from './driver.ts';
import type { StagingArea } from './staging.ts';

/** Distribution's name of an action, and how long it took. Milliseconds. */
export type ActionListener = (action: string, durationMs: number) => void;

/** The same driver, with every action timed under the name that distribution's metrics have for it. */
export function measured(driver: StorageDriver, onAction: ActionListener): StorageDriver {
  const timed = async <T>(action: string, work: Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    try {
      return await work;
    } finally {
      onAction(action, performance.now() - startedAt);
    }
  };
  const timedAdoption = (adoption: Adoption): Adoption => ({
    available: (bytes) => adoption.available(bytes),
    finish: () => timed('Writer', adoption.finish()),
    abort: () => adoption.abort(),
  });
  return {
    name: driver.name,
    spoolDirectory: driver.spoolDirectory,
    staging: timedStaging(driver.staging, timed),
    stat: (path) => timed('Stat', driver.stat(path)),
    open: (path) => timed('Reader', driver.open(path)),
    readSmall: (path, maxBytes) => timed('GetContent', driver.readSmall(path, maxBytes)),
    writeSmall: (path, bytes, options) => timed('PutContent', driver.writeSmall(path, bytes, options)),
    adopt: (localFile, path) => timed('Writer', driver.adopt(localFile, path)),
    startAdoption(localFile, path, options) {
      const adoption = driver.startAdoption?.(localFile, path, options);
      return adoption && timedAdoption(adoption);
    },
    list: (path) => timed('List', driver.list(path)),
    move: (from, to) => timed('Move', driver.move(from, to)),
    delete: (path) => timed('Delete', driver.delete(path)),
    redirectUrl: (path, method) => timed('RedirectURL', driver.redirectUrl(path, method)),
    ...(driver.objectKey && { objectKey: driver.objectKey.bind(driver) }),
    close: () => driver.close(),
  };
}

type Timed = <T>(action: string, work: Promise<T>) => Promise<T>;

function timedStaging(staging: StagingArea, timed: Timed): StagingArea {
  return {
    minPieceBytes: staging.minPieceBytes,
    create: (path) => timed('PutContent', staging.create(path)),
    size: (path) => timed('Stat', staging.size(path)),
    hold: (path) => timed('Writer', staging.hold(path)),
  };
}
