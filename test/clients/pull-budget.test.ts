import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import { RateLimit } from '../support/rate-limit.ts';
import { startContainerdDaemon } from './containerd-daemon.ts';
import { startDockerDaemon } from './docker-daemon.ts';
import { lacking } from './pull-client-contract.ts';

const NAME = 'library/app';
const ACTIONS = ['error', 'fallback'] as const;

/** A cache whose account has one pull, which the image `cached` took. The address has pulls. */
async function startEmptyBudget(onexhausted: (typeof ACTIONS)[number]) {
  const images = new Images();
  const cached = images.addImage(NAME, 'cached');
  images.addImage(NAME, 'new');
  const hub = await Hub.start(images);
  hub.tokens.users.set('ci', 'secret');
  const limit = Object.assign(new RateLimit({ source: 'ci' }), { enforced: true, limit: 1 });
  hub.userLimits.set('ci', limit);
  const upstream = { credentials: [{ username: 'ci', password: 'secret' }], budget: { onexhausted } };
  const layover = await Layover.startProcess({ config: { proxy: { upstreams: [dockerHubUpstream(hub, upstream)] } } });
  const response = await fetch(`${layover.url}/v2/${NAME}/manifests/cached`);
  expect([response.status, (await response.arrayBuffer()).byteLength > 0]).toEqual([200, true]);
  return {
    hub,
    layover,
    limit,
    cached,
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
    },
  };
}

const lacksContainerd = await lacking(['containerd', 'ctr', 'runc']);
if (lacksContainerd !== '')
  console.warn(`containerd in front of an empty budget is not tested: this machine lacks ${lacksContainerd}`);

describe.skipIf(lacksContainerd !== '')('containerd in front of an empty budget', () => {
  it.each(ACTIONS)('pulls cached images, and new ones from its next host (onexhausted: %s)', async (action) => {
    await using scene = await startEmptyBudget(action);
    await using daemon = await startContainerdDaemon();
    const { at, ctr } = daemon;
    const host = (url: string) => `[host."${url}"]\n  capabilities = ["pull", "resolve"]\n`;
    await mkdir(at('hosts/_default'), { recursive: true });
    await writeFile(at('hosts/_default/hosts.toml'), host(scene.layover.url) + host(scene.hub.url));
    const pull = (tag: string) =>
      ctr('images', 'pull', '--hosts-dir', at('hosts'), '--snapshotter', 'native', `docker.io/${NAME}:${tag}`);
    await pull('cached');
    const fromContainerd = () =>
      scene.hub.requests.of('manifest-get').filter(({ headers }) => headers['user-agent']?.includes('containerd'));
    expect(fromContainerd()).toEqual([]);
    await pull('new');
    expect(fromContainerd()).toHaveLength(1);
    expect(scene.limit.remaining).toBe(0);
  });
});

const lacksDocker = await lacking(['dockerd', 'docker', 'containerd', 'runc']);
if (lacksDocker !== '')
  console.warn(`dockerd in front of an empty budget is not tested: this machine lacks ${lacksDocker}`);

describe.skipIf(lacksDocker !== '')('dockerd in front of an empty budget', () => {
  it.each(ACTIONS)('pulls cached images, and not new ones from the cache (onexhausted: %s)', async (action) => {
    await using scene = await startEmptyBudget(action);
    await using daemon = await startDockerDaemon(['--registry-mirror', scene.layover.url]);
    await daemon.docker('pull', `${NAME}:cached`);
    // It goes on to Docker Hub itself, which no test can reach.
    await expect(daemon.docker('pull', `${NAME}:new`)).rejects.toThrow(
      /registry-1\.docker\.io|toomanyrequests|not found/i,
    );
    expect(scene.hub.requests.of('manifest-get').filter(({ status }) => status === 429)).toEqual([]);
  });
});
