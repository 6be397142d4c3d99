import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { ConfigObject } from '../support/layover.ts';
import { freePort } from '../support/processes.ts';
import { startServer } from '../support/start-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { complaintsOf, type Patient } from './complaints.ts';

async function complaints(directory: string, { config, ...patient }: Patient): Promise<readonly string[]> {
  const basis: ConfigObject = { version: 0.1, storage: { inmemory: {} }, http: { addr: '127.0.0.1:0' } };
  return complaintsOf({ ...patient, config: { ...basis, ...config } }, join(directory, 'config.yml'), []);
}

describe('layover doctor ends with', () => {
  it('a pipe in place of a certificate', async () => {
    await using directory = await temporaryDirectory();
    const ca = join(directory.path, 'fifo.pem');
    execFileSync('sh', ['-c', 'mkfifo "$0"', ca]);
    const remoteurl = `https://127.0.0.1:${await freePort()}`;
    const config = { proxy: { upstreams: [{ name: 'broken.example', remoteurl, tls: { ca } }] } };
    expect(await complaints(directory.path, { config })).toEqual([
      expect.stringMatching(/^failed network broken\.example connection: .*fifo\.pem is not a regular file/),
    ]);
  });
  it('a response of the server that does not end', async () => {
    await using directory = await temporaryDirectory();
    await using endless = await startServer((_, res) => res.writeHead(200).write('ready'));
    expect(await complaints(directory.path, { server: endless.url, groups: ['server'] })).toEqual([
      expect.stringMatching(/^failed server ready: .*no response within/),
    ]);
  });
  it('a response of the server that is too long', async () => {
    await using directory = await temporaryDirectory();
    await using long = await startServer((_, res) => res.end('x'.repeat(2 * 1024 * 1024)));
    expect(await complaints(directory.path, { server: long.url, groups: ['server'] })).toEqual([
      expect.stringMatching(/^failed server ready: .*larger than/),
    ]);
  });
});
