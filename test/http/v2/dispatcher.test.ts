import express from 'express';
import { expect, it } from 'vitest';

import { Clients } from '../../../src/http/client/client-address.ts';
import { createLocate } from '../../../src/http/client/locate.ts';
import { TrustedProxies } from '../../../src/http/client/trusted-proxies.ts';
import { createDispatcher, type DispatcherOptions } from '../../../src/http/v2/dispatcher.ts';
import type { FinishedRequest } from '../../../src/http/v2/request-events.ts';
import { createRoutes } from '../../../src/http/v2/routes.ts';
import { RegistryError } from '../../../src/oci/errors.ts';
import { startServer } from '../../support/start-server.ts';

/** A registry with one repository. */
const registry = {
  listTags: async (repository: string) => {
    if (repository === 'full') throw new Error('no space left on device');
    if (repository !== 'app') throw new RegistryError('NAME_UNKNOWN', 'no such repository');
    return { entries: ['1', '2'], next: undefined, outcome: 'HIT', upstream: undefined };
  },
};

function setUp(options: Partial<DispatcherOptions> = {}) {
  const finished: FinishedRequest[] = [];
  const errors: unknown[] = [];
  const clients = new Clients(new TrustedProxies([]));
  const target = (repository: string) => ({ registry, repository, storedAs: repository, sourceHost: undefined });
  const dispatch = createDispatcher({
    router: { route: ({ repository }) => target(repository) as never, isAllowed: () => true },
    routes: createRoutes({
      hosted: registry as never,
      catalogMaxEntries: 100,
      tagsMaxEntries: 100,
      http: { limits: { maxManifestBytes: 0 } },
    }),
    events: {
      log: { error: (fields) => errors.push(fields) },
      requestStarted: () => {},
      requestFinished: (request) => finished.push(request),
      clientRefused: () => {},
      cache: { served: () => {} },
    },
    prefix: '/',
    clients,
    locate: createLocate({ prefix: '/' }, clients),
    ...options,
  });
  return { dispatch, finished, errors };
}

it('a server of Node serves a registry with the required options only', async () => {
  const { dispatch, finished } = setUp();
  await using server = await startServer((req, res) => {
    if (!dispatch(req, res)) res.writeHead(418).end();
  });
  const tags = await fetch(`${server.url}/v2/app/tags/list`);
  expect([tags.status, await tags.json()]).toEqual([200, { name: 'app', tags: ['1', '2'] }]);
  const unknown = await fetch(`${server.url}/v2/other/tags/list`);
  expect([unknown.status, await unknown.json()]).toMatchObject([404, { errors: [{ code: 'NAME_UNKNOWN' }] }]);
  expect(finished).toMatchObject([
    { handler: 'tags', repository: 'app', status: 200 },
    { handler: 'tags', repository: 'other', status: 404, error: { code: 'NAME_UNKNOWN' } },
  ]);
  expect((await fetch(`${server.url}/v2x/app/tags/list`)).status).toBe(418);
});

it('an Express app passes on requests that are not for the registry', async () => {
  const { dispatch } = setUp({ prefix: '/registry/' });
  const app = express();
  app.use((req, res, next) => void (dispatch(req, res) ?? next()));
  app.get('/hello', (_req, res) => void res.send('hello'));
  await using server = await startServer(app);
  expect((await fetch(`${server.url}/registry/v2/app/tags/list`)).status).toBe(200);
  expect(await (await fetch(`${server.url}/hello`)).text()).toBe('hello');
});

it('an error of storage is translated for the client and logged; any other is an internal error', async () => {
  const toStorageFailure = (cause: unknown) =>
    String(cause).includes('no space')
      ? new RegistryError('UNAVAILABLE', 'storage is full', { status: 507 })
      : undefined;
  const { dispatch, errors } = setUp({ toStorageFailure });
  await using server = await startServer((req, res) => void dispatch(req, res));
  const full = await fetch(`${server.url}/v2/full/tags/list`);
  expect([full.status, await full.json()]).toMatchObject([507, { errors: [{ message: 'storage is full' }] }]);
  expect(errors).toEqual([{ 'err.detail': 'Error: no space left on device' }]);

  const plain = setUp();
  await using other = await startServer((req, res) => void plain.dispatch(req, res));
  const broken = await fetch(`${other.url}/v2/full/tags/list`);
  const body = { errors: [{ code: 'UNKNOWN', message: 'internal error' }] };
  expect([broken.status, await broken.json()]).toEqual([500, body]);
  expect(plain.errors).toMatchObject([{ 'err.detail': expect.stringContaining('no space left on device') }]);
});
