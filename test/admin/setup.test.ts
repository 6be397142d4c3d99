import { expect, it } from 'vitest';

import type { SetupView } from '../../src/operations/setup-control.ts';
import { describeSetup } from '../../src/setup/shown-setup.ts';
import { SETUP_CLIENTS } from '../../src/setup/clients.ts';

const ADDRESS = 'https://cache.example.com';

it('every client has texts for the address of the cache', () => {
  const { clients } = describeSetup({}, { address: ADDRESS });
  expect(clients.map(({ name }) => name)).toEqual(SETUP_CLIENTS.map(({ name }) => name));
  for (const { name } of clients) {
    const view: SetupView = describeSetup({ client: name }, { address: ADDRESS });
    expect(view.address).toBe(ADDRESS);
    expect(view.texts.map(({ text }) => text).join('\n'), name).toContain('cache.example.com');
    expect(view.takesEffect, name).not.toBe('');
  }
});

it('an address, registries and enforcement of the query are those of the texts', () => {
  const query = { client: 'podman', address: 'http://10.0.0.1:5000', registries: 'quay.io', enforce: true };
  const { texts, enforcement } = describeSetup(query, { address: ADDRESS });
  const all = texts.map(({ text }) => text).join('\n');
  expect(all).toContain('10.0.0.1:5000');
  expect(all).toContain('quay.io');
  expect(all).not.toContain('cache.example.com');
  expect(enforcement).toBeDefined();
});

it('the registries that the cache serves are those of clients that need names', () => {
  const { texts } = describeSetup({ client: 'podman' }, { address: ADDRESS, served: ['docker.io', 'registry.corp'] });
  const all = texts.map(({ text }) => text).join('\n');
  expect(all).toContain('registry.corp');
  expect(all).not.toContain('quay.io');
});

it.each([
  [{ client: 'none' }, /^client: none cannot be set up$/],
  [{ address: 'cache' }, /^address: cache is not a URL/],
  [{ address: 'https://cache.example.com/x' }, /^address: /],
  [{ address: `https://a"b'.example` }, /^address: /],
  [{ registries: 'a b' }, /a b is not the name of a registry/],
])('%j is refused', (query, message) => {
  expect(() => describeSetup(query, { address: ADDRESS })).toThrow(
    expect.objectContaining({ name: 'ControlError', reason: 'invalid', message: expect.stringMatching(message) }),
  );
});
