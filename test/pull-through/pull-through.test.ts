import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { type PullThroughOptions, PullThroughRegistry } from '../../src/pull-through/pull-through.ts';
import { NO_REFUSALS } from '../../src/filters/refuse-content.ts';
import type { Manifest, Served } from '../../src/registry/registry.ts';
import { UpstreamError } from '../../src/upstream/upstream.ts';
import { callsOf, UPLOADS, WRITES } from '../filters/fake-registry.ts';

const bytes = Buffer.from('{}');
const digest = digestOf(bytes);
const manifest: Manifest = { bytes, digest, size: bytes.length, mediaType: 'application/json' };
const byTag = { kind: 'tag', tag: '1' } as const;

function pullThrough(parts: { readonly [name in keyof PullThroughOptions]?: object } = {}) {
  const used: unknown[] = [];
  const registry = new PullThroughRegistry({
    manifests: { inMemory: () => undefined },
    blobs: {},
    cached: {},
    storePrefix: 'docker.io',
    offline: false,
    refusals: NO_REFUSALS,
    onUsed: (...use: readonly unknown[]) => void used.push(use),
    ...parts,
    upstream: { name: 'docker.io', ...parts.upstream },
  } as unknown as PullThroughOptions);
  return { registry, used };
}

describe('a pull-through registry', () => {
  it.each([...WRITES, ...UPLOADS])('rejects %s with 405, and says whose the name is', async (name) => {
    const { registry } = pullThrough();
    await expect(callsOf(registry).get(name)?.('library/alpine')).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      status: 405,
      message: 'library/alpine belongs to upstream docker.io: push and delete are off',
      options: { headers: { allow: 'GET, HEAD, OPTIONS' } },
    });
  });

  it('has no catalog', async () => {
    await expect(pullThrough().registry.listRepositories()).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it.each(['getManifest', 'resolveManifest'] as const)(
    '%s serves from memory without a look at the signal',
    async (call) => {
      const { registry, used } = pullThrough({ manifests: { inMemory: () => manifest } });
      const options = {
        get signal(): AbortSignal {
          throw new Error('an AbortController is created for every warm pull');
        },
      };
      const served: Served<Manifest> = { ...manifest, outcome: 'HIT', upstream: 'docker.io' };
      expect(await registry[call]('library/alpine', byTag, options)).toEqual(served);
      expect(used).toEqual([['docker.io/library/alpine', digest, 'manifest', bytes.length]]);
    },
  );

  it.each(['getManifest', 'resolveManifest'] as const)('%s starts nothing for a client that has left', async (call) => {
    const { registry } = pullThrough();
    const options = { signal: AbortSignal.abort(new Error('the client has left')) };
    await expect(registry[call]('library/alpine', byTag, options)).rejects.toThrow('the client has left');
  });

  it.each(['listTags', 'listReferrers'] as const)('%s ends with the client that it is for', async (call) => {
    const upstream = {
      [call]: async (_name: string, _of: unknown, { signal }: { signal: AbortSignal }) => {
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        throw signal.reason;
      },
    };
    const { registry } = pullThrough({ upstream, cached: { listReferrers: async () => ({ manifests: [] }) } });
    const left = new AbortController();
    const listing =
      call === 'listTags'
        ? registry.listTags('library/alpine', {}, left)
        : registry.listReferrers('library/alpine', digest, {}, left);
    left.abort(new Error('the client has left'));
    await expect(listing).rejects.toThrow('the client has left');
  });

  it('lists stored tags while the upstream is unavailable', async () => {
    const upstream = {
      listTags: () => Promise.reject(new UpstreamError('network', 'reset', { upstream: 'docker.io' })),
    };
    const cached = { listTags: async (repository: string) => ({ entries: [repository], next: undefined }) };
    const { registry } = pullThrough({ upstream, cached });
    expect(await registry.listTags('library/alpine', {})).toMatchObject({
      entries: ['docker.io/library/alpine'],
      outcome: 'STALE',
    });
  });

  it('knows which stored names are its own', () => {
    const { registry } = pullThrough();
    expect(registry.remoteName('docker.io/library/alpine')).toBe('library/alpine');
    expect(registry.remoteName('ghcr.io/owner/app')).toBeUndefined();
  });
});
