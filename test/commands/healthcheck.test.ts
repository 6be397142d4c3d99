import { expect, it } from 'vitest';

import { healthcheck } from '../../src/commands/healthcheck.ts';
import { startServer } from '../support/start-server.ts';

it('a page of any usual size is healthy', async () => {
  await using server = await startServer((_req, res) => res.end('x'.repeat(3 * 1024 * 1024)));
  let printed = '';
  const out = { write: (text: string) => (printed += text) };
  expect(await healthcheck({ file: undefined, url: server.url, env: {}, out })).toBe(0);
  expect(printed).toBe(`${server.url} responded with 200\n`);
});
