import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { createAzureDriver } from '../../../src/storage/azure/azure.ts';
import type { AzureCredentials } from '../../../src/storage/azure/options.ts';
import { startServer } from '../../support/start-server.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** A store with one blob, and a token server; the first token is refused. */
async function startAzure() {
  const seen: string[] = [];
  let tokens = 0;
  const server = await startServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      if (req.url?.includes('/token')) {
        seen.push(`${req.url} ${Buffer.concat(chunks).toString()}`);
        res.end(JSON.stringify({ access_token: `token-${++tokens}`, expires_in: 3_600 }));
        return;
      }
      const isGood = req.headers.authorization === 'Bearer token-2';
      const body = isGood ? 'content' : '';
      res.writeHead(isGood ? 200 : 401, { etag: '"1"', 'content-length': body.length }).end(body);
    });
  });
  return { seen, url: server.url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

it.each(['client_secret', 'workload_identity', 'managed_identity'] as const)(
  'an identity by %s gets a token, and another one when the store refuses it',
  async (kind) => {
    await using azure = await startAzure();
    await using directory = await temporaryDirectory();
    const tokenFile = join(directory.path, 'token');
    await writeFile(tokenFile, 'assertion\n');
    const application = { tenantId: 'tenant', clientId: 'client', authority: azure.url };
    const credentials: AzureCredentials = {
      client_secret: { kind: 'client_secret' as const, ...application, secret: 'secret' },
      workload_identity: { kind: 'workload_identity' as const, ...application, tokenFile },
      managed_identity: { kind: 'managed_identity' as const, clientId: 'client', endpoint: azure.url },
    }[kind];
    const driver = createAzureDriver({ account: 'a', container: 'c', credentials, serviceUrl: azure.url });
    expect(String(await driver.readSmall('/f', 100))).toBe('content');
    await driver.close();
    expect(azure.seen).toHaveLength(2);
    expect(azure.seen[0]).toContain(
      {
        client_secret: 'client_secret=secret',
        workload_identity: 'client_assertion=assertion',
        managed_identity: 'client_id=client',
      }[kind],
    );
  },
);
