import { afterAll, beforeAll } from 'vitest';

import type { GcsOptions } from '../../../src/storage/gcs/options.ts';
import { BUCKET, fakeGcsServer, type GcsServer, startFakeGcsServer } from '../../support/fake-gcs-server.ts';

/** One server for all tests of a file. Call the result inside a test. */
export function sharedGcs(): () => GcsServer {
  let server: GcsServer | undefined;
  beforeAll(async () => {
    if (fakeGcsServer !== undefined) server = await startFakeGcsServer(fakeGcsServer);
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  return () => {
    if (server === undefined) throw new Error('requested before the test began');
    return server;
  };
}

/** Options for a server that checks no tokens. */
export function gcsOptions(endpoint: string, more: Partial<GcsOptions> = {}): GcsOptions {
  return { bucket: BUCKET, endpoint, credentials: { kind: 'anonymous' }, ...more };
}
