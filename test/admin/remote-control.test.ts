import { expect, it } from 'vitest';

import { RemoteControl } from '../../src/admin/remote-control.ts';
import { startServer } from '../support/start-server.ts';

it('the result of a collection may be large', async () => {
  await using server = await startServer((_req, res) => {
    res.write('{"running":false,"error":"');
    for (let mebibytes = 0; mebibytes < 80; mebibytes++) res.write('x'.repeat(1024 * 1024));
    res.end('"}');
  });
  const { error } = await new RemoteControl({ url: server.url }).collectionStatus();
  expect(error).toHaveLength(80 * 1024 * 1024);
});
