import { expect, it } from 'vitest';

import { createLayover, type Layover } from '../../src/library/layover.ts';
import { RegistryError } from '../../src/library/oci.ts';
import type { AccessRequest } from '../../src/library/http.ts';
import { createInmemoryDriver } from '../../src/storage/inmemory/inmemory.ts';
import { startServer } from '../support/start-server.ts';
import { LAYER_DIGEST, pushSmallImage } from './small-image.ts';

/** Each tenant may use the repositories below its name, and pull from `public/`. */
async function authorize({ req, repository = '', action }: AccessRequest): Promise<void> {
  const tenant = String(req.headers['x-tenant']);
  if (action === 'ping' || repository.startsWith(`${tenant}/`)) return;
  if (action === 'pull' && repository.startsWith('public/')) return;
  throw new RegistryError('DENIED', 'not yours');
}

async function startTenants() {
  const layover: Layover = await createLayover({ storage: createInmemoryDriver(), authorize });
  for (const name of ['a/app', 'b/app', 'public/app']) await pushSmallImage(layover.registry, name, '1');
  const server = await startServer((req, res) => void layover.handler(req, res));
  const send = (tenant: string, path: string, method = 'GET') =>
    fetch(`${server.url}/v2/${path}`, { method, headers: { 'x-tenant': tenant } });
  const close = async () => {
    await server[Symbol.asyncDispose]();
    await layover.close();
  };
  return { send, [Symbol.asyncDispose]: close };
}

it('decides about every repository that a request reads or writes', async () => {
  await using tenants = await startTenants();
  const statusOf = async (...args: Parameters<typeof tenants.send>) => (await tenants.send(...args)).status;
  expect(await statusOf('a', '')).toBe(200);
  expect(await statusOf('a', 'a/app/manifests/1')).toBe(200);
  expect(await statusOf('a', 'public/app/manifests/1')).toBe(200);
  expect(await statusOf('a', 'b/app/manifests/1')).toBe(403);
  expect(await statusOf('a', `b/app/blobs/${LAYER_DIGEST}`)).toBe(403);
  expect(await statusOf('a', 'b/app/tags/list')).toBe(403);
  expect(await statusOf('a', 'public/app/manifests/1', 'DELETE')).toBe(403);
  expect(await statusOf('a', '_catalog')).toBe(403);
});

it.each([
  ['own', 'a/app', 201],
  ['public', 'public/app', 201],
  ["another tenant's", 'b/app', 202],
  ['invalid', 'a/../b/app', 202],
])('mounts from a repository that the client may pull from: %s', async (_which, from, status) => {
  await using tenants = await startTenants();
  const query = new URLSearchParams({ mount: LAYER_DIGEST, from });
  const response = await tenants.send('a', `a/new/blobs/uploads/?${query.toString()}`, 'POST');
  expect(response.status).toBe(status);
  const pulled = await tenants.send('a', `a/new/blobs/${LAYER_DIGEST}`, 'HEAD');
  expect(pulled.status).toBe(status === 201 ? 200 : 404);
});

it('does not search other repositories for a mount without a source', async () => {
  await using tenants = await startTenants();
  const response = await tenants.send('a', `a/new/blobs/uploads/?mount=${LAYER_DIGEST}`, 'POST');
  expect(response.status).toBe(202);
});
