import { afterAll, beforeAll } from 'vitest';

import { createAzureDriver } from '../../../src/storage/azure/azure.ts';
import type { AzureOptions } from '../../../src/storage/azure/options.ts';
import { ACCOUNT, type Azurite, CONTAINER, hasAzurite, KEY, startAzurite } from '../../support/azurite.ts';

/** One server for all tests of a file. Call the result inside a test. */
export function sharedAzurite(): () => string {
  let server: Azurite | undefined;
  beforeAll(async () => {
    if (hasAzurite) server = await startAzurite();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  return () => {
    if (server === undefined) throw new Error('requested before the test began');
    return server.url;
  };
}

export function createDriver(serviceUrl: string, more: Partial<AzureOptions> = {}) {
  const driver = createAzureDriver({
    account: ACCOUNT,
    container: CONTAINER,
    credentials: { kind: 'shared_key', key: KEY },
    serviceUrl,
    blockBytes: 1024 * 1024,
    ...more,
  });
  return { driver, [Symbol.asyncDispose]: () => driver.close() };
}
