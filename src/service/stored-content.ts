import type { Config } from '../config/config.ts';
import { createContentStore } from '../content/content-store.ts';
import { ControlError } from '../operations/control-error.ts';
import type { Registry } from '../registry/registry.ts';
import { createStorage } from '../storage/index.ts';
import { BufferPool } from '../stream/buffer-pool.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { closeOnFailure } from './close-stack.ts';
import { createImageCheck, createStoredNames } from './composition/image-checks.ts';
import { readDenials } from './composition/denying.ts';
import { createStoredImages } from './composition/stored-images.ts';

/** Stored images, read while a server may be running: content never changes, and becomes visible when it is complete. */
export interface StoredContent {
  readonly registry: Registry;
  readonly storedNameOf: ReturnType<typeof createStoredNames>;
  readonly check: ReturnType<typeof createImageCheck>;
  close(): Promise<void>;
}

/** Opens the storage for reading, without its index. @throws {ControlError} `unavailable` */
export function openStoredContent(config: Config, telemetry: Telemetry): Promise<StoredContent> {
  const { storage, proxy } = config;
  if (storage.driver.kind === 'inmemory')
    throw new ControlError('unavailable', 'storage in memory exists only while a server is running');
  return closeOnFailure(async (opened) => {
    const options = { ...storage, driver: { ...storage.driver, isReader: true }, middleware: [], tier: undefined };
    const driver = opened.use(await createStorage(options, { buffers: new BufferPool(), log: telemetry.log }));
    const store = createContentStore({ driver, onDamage: () => {}, readOnly: true });
    const registry = createStoredImages({ driver, store, telemetry });
    opened.use(registry);
    return {
      registry,
      storedNameOf: createStoredNames(proxy),
      check: createImageCheck(proxy, store, await readDenials(config, driver)),
      close: () => opened.close(),
    };
  });
}
