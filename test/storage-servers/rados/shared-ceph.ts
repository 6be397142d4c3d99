import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';

import type { RadosOptions } from '../../../src/storage/rados/options.ts';
import { createRadosDriver } from '../../../src/storage/rados/rados.ts';
import { CephCluster, missingCeph, POOL, USER } from '../../support/ceph/ceph-cluster.ts';

export const hasCeph = missingCeph.length === 0;

/** One cluster for all tests of a file. Call the result inside a test. */
export function sharedCeph(options: { readonly gateway?: boolean } = {}): () => CephCluster {
  let cluster: CephCluster | undefined;
  beforeAll(async () => {
    if (hasCeph) cluster = await CephCluster.start(options);
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());
  return () => {
    if (cluster === undefined) throw new Error('requested before the test began');
    return cluster;
  };
}

/** A driver, in a separate namespace unless the options have one. */
export function createDriver(cluster: CephCluster, more: Partial<RadosOptions> = {}) {
  const { configFile } = cluster;
  const driver = createRadosDriver({ pool: POOL, user: USER, configFile, namespace: randomUUID(), ...more });
  return { driver, [Symbol.asyncDispose]: () => driver.close() };
}
