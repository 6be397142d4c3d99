import { Hub } from '../support/hub.ts';
import { type BuiltImage, type BuiltIndex, Images, type Manifest } from '../support/images.ts';
import { type ConfigObject, dockerHubUpstream, Layover } from '../support/layover.ts';
import { freePort } from '../support/processes.ts';
import { addHostileImage, addHostileReferrer } from './hostile-images.ts';

/** Stored names. */
export const APP = 'docker.io/library/app';
export const MULTI = 'docker.io/library/multi';
export const HOSTILE = 'docker.io/evil/image';
const HOSTILE_UPSTREAM = 'evil/image';

/** The built program with an upstream, and its dashboard on an address that needs no sign-in. */
export interface Scene extends AsyncDisposable {
  readonly hub: Hub;
  readonly layover: Layover;
  /** Of the dashboard, without a slash at its end. */
  readonly url: string;
  readonly app: BuiltImage;
  readonly index: BuiltIndex;
  readonly hostile: Manifest;
  /** A blob that only its size makes slow. */
  readonly large: string;
}

export async function startScene(more: ConfigObject = {}): Promise<Scene> {
  const images = new Images();
  const app = images.addImage('library/app', '1', { layers: [100_000, 400_000] });
  images.addImage('library/app', '2', { layers: [100_000, 300_000] });
  const index = images.addIndex('library/multi', '1', { layers: [50_000] });
  const large = images.addImage('library/large', '1', { layers: [30_000_000] });
  images.addArtifact('library/app', app, 'application/vnd.dev.cosign.artifact.sig.v1+json', 'signature');
  const hostile = addHostileImage(images, HOSTILE_UPSTREAM, 'latest');
  addHostileReferrer(images, HOSTILE_UPSTREAM, hostile);
  const hub = await Hub.start(images);
  const port = await freePort();
  const layover = await Layover.startProcess({
    config: {
      admin: { addr: `127.0.0.1:${port}` },
      proxy: { upstreams: [dockerHubUpstream(hub)] },
      ...more,
    },
  });
  return {
    hub,
    layover,
    url: `http://127.0.0.1:${port}/ui`,
    app,
    index,
    hostile,
    large: large.layers[1] ?? '',
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
    },
  };
}

const headers = { 'user-agent': 'containerd/2.1.0' };

interface PulledManifest {
  readonly manifests?: readonly { readonly digest: string }[];
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string }[];
}

/** Pulls an image with all its platforms, as a client does. */
export async function pullImage({ url }: Layover, repository: string, reference: string): Promise<void> {
  const at = `${url}/v2/${repository}`;
  const response = await fetch(`${at}/manifests/${reference}`, { headers });
  const manifest = (await response.json()) as PulledManifest;
  for (const { digest } of manifest.manifests ?? []) await pullImage({ url } as Layover, repository, digest);
  const blobs = [...(manifest.config ? [manifest.config] : []), ...(manifest.layers ?? [])];
  for (const { digest } of blobs) await (await fetch(`${at}/blobs/${digest}`, { headers })).arrayBuffer();
}

/** Content of every kind, used more than once. */
export async function pullAll({ layover, app }: Scene): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await pullImage(layover, 'library/app', '1');
    await pullImage(layover, 'library/app', '2');
    await pullImage(layover, 'library/multi', '1');
    await pullImage(layover, HOSTILE, 'latest');
  }
  await (await fetch(`${layover.url}/v2/library/app/referrers/${app.digest}`, { headers })).arrayBuffer();
  await layover.settled();
}
