import { describe, expect, it } from 'vitest';

import type { Registry } from '../../src/registry/registry.ts';
import { Router, type UpstreamRoute } from '../../src/pull-through/router.ts';

/** Only its identity matters here. */
const registry = (name: string) => ({ name }) as unknown as Registry;
const hosted = registry('hosted');

function route(name: string, more: Partial<UpstreamRoute> = {}): UpstreamRoute {
  return { name, aliases: [], library: false, isDefault: false, storePrefix: name, registry: registry(name), ...more };
}

const hub = route('docker.io', { aliases: ['index.docker.io'], library: true, isDefault: true });
const ghcr = route('ghcr.io');
const corp = route('registry.corp:5000');
const upstreams = [hub, ghcr, corp];
const router = new Router({ hosted, hostedNames: ['team/*'], upstreams });

const requestFor = (repository: string, { ns, host }: { ns?: string; host?: string } = {}) => ({
  repository,
  sourceHost: ns,
  host,
});
const at = (upstream: UpstreamRoute, repository: string) => ({
  registry: upstream.registry,
  repository,
  storedAs: `${upstream.name}/${repository}`,
  sourceHost: upstream.name,
});

describe('a name finds its upstream', () => {
  it.each([
    ['by ns', 'owner/app', { ns: 'ghcr.io' }, at(ghcr, 'owner/app')],
    ['by ns in any case', 'owner/app', { ns: 'GHCR.io' }, at(ghcr, 'owner/app')],
    ['by ns with a port', 'a', { ns: 'registry.corp:5000' }, at(corp, 'a')],
    ['by an alias as ns', 'alpine', { ns: 'index.docker.io' }, at(hub, 'library/alpine')],
    ['by path prefix', 'ghcr.io/owner/app', {}, at(ghcr, 'owner/app')],
    ['by path prefix with a port', 'registry.corp:5000/a', {}, at(corp, 'a')],
    ['by an alias as prefix', 'index.docker.io/alpine', {}, at(hub, 'library/alpine')],
    ['by both, which agree', 'ghcr.io/owner/app', { ns: 'ghcr.io' }, at(ghcr, 'owner/app')],
    ['by ns before prefix', 'ghcr.io/owner/app', { ns: 'docker.io' }, at(hub, 'ghcr.io/owner/app')],
    ['by Host', 'owner/app', { host: 'ghcr.io' }, at(ghcr, 'owner/app')],
    ['by Host with the port of this registry', 'owner/app', { host: 'ghcr.io:443' }, at(ghcr, 'owner/app')],
    ['by Host with its own port', 'a', { host: 'Registry.corp:5000' }, at(corp, 'a')],
    ['by prefix before Host', 'ghcr.io/owner/app', { host: 'docker.io' }, at(ghcr, 'owner/app')],
    ['by default', 'alpine', { host: 'localhost:5000' }, at(hub, 'library/alpine')],
    ['by default', 'grafana/grafana', {}, at(hub, 'grafana/grafana')],
    ['as a hosted name of another registry', 'team/app', { ns: 'docker.io' }, at(hub, 'team/app')],
  ])('%s: %s %j', (_, repository, by, target) => {
    expect(router.route(requestFor(repository, by))).toMatchObject(target);
  });

  it.each([
    ['ns', 'owner/app', { ns: 'ghcr.io' }],
    ['ns', 'ghcr.io/owner/app', { ns: 'ghcr.io' }],
    ['prefix', 'ghcr.io/owner/app', { host: 'docker.io' }],
    ['host', 'owner/app', { host: 'ghcr.io' }],
    ['default', 'owner/app', { host: 'localhost' }],
    [undefined, 'team/app', {}],
  ])('and records that it was named by %s: %s %j', (namedBy, repository, by) => {
    expect(router.route(requestFor(repository, by)).namedBy).toBe(namedBy);
  });

  it('unless its content would be stored under a hosted name', () => {
    const unprefixed = route('docker.io', { storePrefix: '', library: true, isDefault: true });
    const own = new Router({ hosted, hostedNames: ['team/*', 'library/ours'], upstreams: [unprefixed] });
    const hostedAs = (storedAs: string) => ({
      registry: hosted,
      repository: storedAs,
      storedAs,
      sourceHost: undefined,
    });
    for (const by of [{}, { ns: 'docker.io' }, { host: 'docker.io' }]) {
      expect(own.route(requestFor('team/app', by))).toEqual(hostedAs('team/app'));
      expect(own.route(requestFor('ours', by))).toEqual(hostedAs('library/ours'));
      expect(own.route(requestFor('docker.io/team/app', by))).toEqual(hostedAs('team/app'));
      expect(own.route(requestFor('alpine', by))).toMatchObject({ registry: unprefixed.registry });
    }
  });

  it('and not one whose content would be stored as that of another upstream', () => {
    const unprefixed = route('docker.io', { storePrefix: '', library: true, isDefault: true });
    const nested = route('quay.io', { storePrefix: 'mirror/quay.io' });
    const both = new Router({ hosted, hostedNames: [], upstreams: [unprefixed, ghcr, nested] });
    for (const [name, by] of [
      ['ghcr.io/owner/app', { ns: 'docker.io' }],
      ['docker.io/ghcr.io/owner/app', {}],
      ['mirror/quay.io/app', {}],
      ['mirror/quay.io/app', { host: 'docker.io' }],
    ] as const) {
      expect(() => both.route(requestFor(name, by)), name).toThrow(
        /belongs to upstream (ghcr|quay)\.io, not to docker\.io/,
      );
    }
    expect(both.route(requestFor('ghcr.io/owner/app'))).toMatchObject(at(ghcr, 'owner/app'));
    for (const name of ['mirror/quay.ios', 'mirror/other', 'library/ghcr.io']) {
      expect(both.route(requestFor(name))).toMatchObject({ registry: unprefixed.registry, storedAs: name });
    }
  });

  it('and cannot be pushed to, unless the configuration hosts the name', () => {
    const some = new Router({ hosted, hostedNames: ['docker.io/team/*', 'team/*'], upstreams });
    expect(some.route(requestFor('docker.io/team/app')).registry).toBe(hosted);
    expect(some.route(requestFor('team/app', { ns: 'docker.io' })).repository).toBe('docker.io/team/app');
    expect(some.route(requestFor('team/app')).repository).toBe('team/app');
    for (const name of ['docker.io/library/app', 'alpine', 'grafana/grafana', 'ghcr.io/team/app', 'ghcr.io/app']) {
      expect(some.route(requestFor(name)).registry, name).not.toBe(hosted);
      expect(some.route(requestFor(name, { ns: 'ghcr.io' })).registry, name).not.toBe(hosted);
    }
  });

  it('and a host in the name is not a name at Docker Hub', () => {
    for (const name of ['quay.io/owner/app', 'registry.other:5000/app', 'localhost:5000/library/app']) {
      expect(() => router.route(requestFor(name)), name).toThrow(
        /^no upstream is configured for .*; configured: docker\.io, /,
      );
    }
    const harbor = route('harbor.example', { isDefault: true });
    const other = new Router({ hosted, hostedNames: [], upstreams: [harbor] });
    expect(other.route(requestFor('my.project/app'))).toEqual({ ...at(harbor, 'my.project/app'), namedBy: 'default' });
    const anyRegistry = { ...hub, anyNamespace: true };
    const mirror = new Router({ hosted, hostedNames: [], upstreams: [anyRegistry] });
    expect(mirror.route(requestFor('quay.io/owner/app'))).toEqual({
      ...at(anyRegistry, 'quay.io/owner/app'),
      namedBy: 'default',
    });
  });

  it('unless the name is hosted', () => {
    expect(router.route(requestFor('team/app'))).toEqual({
      registry: hosted,
      repository: 'team/app',
      storedAs: 'team/app',
      sourceHost: undefined,
    });
    expect(router.route(requestFor('team/app/deep'))).toMatchObject(at(hub, 'team/app/deep'));
  });

  it.each(['evil.example', '', '127.0.0.1:80', 'docker.io/', '__proto__'])('but not with ns=%s', (ns) => {
    expect(() => router.route(requestFor('a', { ns }))).toThrow(
      expect.objectContaining({ code: 'NAME_UNKNOWN', message: expect.stringContaining('docker.io, ghcr.io') }),
    );
  });

  it('for every ns, when the only upstream serves all: the same as without ns', () => {
    const only = route('mirror.example', { storePrefix: '', isDefault: true, anyNamespace: true });
    const mirror = new Router({ hosted, hostedNames: ['team/*'], upstreams: [only] });
    for (const ns of ['docker.io', 'ghcr.io', '', 'mirror.example']) {
      const target = { ...mirror.route(requestFor('library/a')), namedBy: 'ns' };
      expect(mirror.route(requestFor('library/a', { ns }))).toEqual(target);
      expect(mirror.route(requestFor('team/a', { ns })).registry).toBe(hosted);
    }
    expect(mirror.route(requestFor('library/a', { ns: 'docker.io' })).sourceHost).toBe('mirror.example');
  });

  it('but not without a default', () => {
    const without = new Router({ hosted, hostedNames: [], upstreams: [ghcr] });
    expect(() => without.route(requestFor('alpine'))).toThrow(expect.objectContaining({ code: 'NAME_UNKNOWN' }));
    expect(without.route(requestFor('ghcr.io/a'))).toMatchObject(at(ghcr, 'a'));
  });

  it('unless library/ makes it too long for a name', () => {
    expect(() => router.route(requestFor('a'.repeat(250)))).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
  });
});

it('a registry without upstreams has only its hosted names when they are given', () => {
  const plain = new Router({ hosted, hostedNames: ['team/**'], upstreams: [] });
  const found = { registry: hosted, repository: 'team/app', storedAs: 'team/app', sourceHost: undefined };
  expect(plain.route(requestFor('team/app', { ns: 'registry.example' }))).toEqual(found);
  expect(() => plain.route(requestFor('other/app'))).toThrow(expect.objectContaining({ code: 'NAME_UNKNOWN' }));
});

it('a registry without upstreams has every name, whatever host the client named', () => {
  const plain = new Router({ hosted, hostedNames: [], upstreams: [] });
  for (const by of [{}, { ns: 'registry.example' }, { host: 'registry.example' }]) {
    expect(plain.route(requestFor('ghcr.io/a', by))).toEqual({
      registry: hosted,
      repository: 'ghcr.io/a',
      storedAs: 'ghcr.io/a',
      sourceHost: undefined,
    });
  }
});
