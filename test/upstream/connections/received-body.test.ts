import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { digestOf } from '../../../src/oci/digest.ts';
import { bytesOf } from '../../support/read-body.ts';
import { connect } from '../support/connect.ts';
import { plain, startWire } from '../support/wire-server.ts';

it('a body is not idle while a part of it waits for more', async () => {
  // As large as the memory that bytes are received into at first.
  const parts = ['a', 'b'].map((text) => Buffer.alloc(16 * 1024, text));
  const all = Buffer.concat(parts);
  await using registry = await startWire(async (socket) => {
    socket.write(plain(all).subarray(0, -all.length));
    for (const part of parts) {
      await delay(2_000);
      socket.write(part);
    }
  });
  await using up = connect(registry.url, { timeouts: { idleMs: 3_500 } });
  const { body } = await up.upstream.openBlob('a', digestOf(all));
  expect((await bytesOf(body)).equals(all)).toBe(true);
});
