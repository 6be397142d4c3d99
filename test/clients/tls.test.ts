import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runProgram } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startPodmanSettings } from './podman-settings.ts';
import { FEWEST_REQUESTS, PLACES, protocolsOf, startTlsScene, type TlsScene } from './tls-scene.ts';
import { whyNotTested } from './why-not-tested.ts';

/** One that trusts the CAs of a directory. */
interface TlsClient extends AsyncDisposable {
  push(from: string, to: string): Promise<unknown>;
  pull(image: string): Promise<unknown>;
}

let scene: TlsScene;

beforeAll(async () => {
  scene = await startTlsScene();
});
afterAll(() => scene?.[Symbol.asyncDispose]());

await describeTlsClient('skopeo', { programs: ['skopeo'], needsRoot: false }, startSkopeo);
await describeTlsClient('podman', { programs: ['podman', 'runc'], needsRoot: true }, startPodman);

async function describeTlsClient(
  name: string,
  { programs, needsRoot }: { readonly programs: readonly string[]; readonly needsRoot: boolean },
  start: () => Promise<TlsClient>,
): Promise<void> {
  const lacks = await whyNotTested(`${name} with TLS`, programs, { needsRoot });

  describe.skipIf(lacks)(`${name} with TLS`, () => {
    // They choose HTTP/1.1 whatever they are offered.
    it.each(PLACES)('pushes %s and pulls', async (_where, prefix) => {
      await using client = await start();
      const repository = `${prefix}/${name}`;
      await client.push(scene.from, `${scene.registry}/${repository}:1`);
      await client.pull(`${scene.registry}/${repository}:1`);
      await expect.poll(() => protocolsOf(scene, repository).length).toBeGreaterThanOrEqual(FEWEST_REQUESTS);
    });
  });
}

async function startSkopeo(): Promise<TlsClient> {
  const pulled = await temporaryDirectory();
  const copy = (...args: string[]) => runProgram('skopeo', ['--insecure-policy', 'copy', ...args]);
  return {
    push: (from, to) =>
      copy('--src-tls-verify=false', '--dest-cert-dir', scene.certDirectory, `docker://${from}`, `docker://${to}`),
    pull: (image) => copy('--src-cert-dir', scene.certDirectory, `docker://${image}`, `dir:${pulled.path}`),
    [Symbol.asyncDispose]: () => pulled[Symbol.asyncDispose](),
  };
}

async function startPodman(): Promise<TlsClient> {
  const podman = await startPodmanSettings();
  const policy = ['--signature-policy', podman.policy];
  return {
    async push(from, to) {
      await podman.run('pull', '--tls-verify=false', ...policy, from);
      await podman.run('tag', from, to);
      await podman.run('push', '--cert-dir', scene.certDirectory, ...policy, to);
    },
    async pull(image) {
      await podman.run('rmi', '--all', '--force');
      await podman.run('pull', '--cert-dir', scene.certDirectory, ...policy, image);
    },
    [Symbol.asyncDispose]: podman[Symbol.asyncDispose],
  };
}
