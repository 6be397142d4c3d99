import type { Router } from 'express';

import type { BulkControl } from '../operations/bulk-control.ts';
import type { ServiceControl } from '../operations/service-control.ts';
import type { StorageControl } from '../operations/storage-control.ts';
import { respond } from './respond.ts';

export interface StorageRoutesOptions {
  readonly bulk: BulkControl;
  readonly storage: StorageControl;
  readonly service: ServiceControl;
}

/** Stored content by age, operations on many names, and the configuration. */
export function addStorageRoutes(router: Router, { storage, service }: Omit<StorageRoutesOptions, 'bulk'>): void {
  router.get(
    '/storage/ages',
    respond(() => storage.ages()),
  );
  router.get(
    '/config',
    respond(() => service.config()),
  );
}
