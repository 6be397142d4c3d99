import { describe, expect, it } from 'vitest';

import { ConnectionPool } from '../../../src/upstream/connections/connection-pool.ts';

describe('a connection', () => {
  it('is not opened for a request that was aborted before', async () => {
    let lookups = 0;
    const pool = new ConnectionPool({
      open: () => {
        lookups++;
        return Promise.reject(new Error('not reached'));
      },
      maxConnections: 1,
      keepAliveMs: 1_000,
      onEmpty: () => {},
    });
    const aborted = new AbortController();
    const acquiring = pool.acquire({ signal: aborted.signal, isNew: false });
    aborted.abort(new Error('no longer wanted'));
    await expect(acquiring).rejects.toThrow('no longer wanted');
    expect(lookups).toBe(0);
  });
});
