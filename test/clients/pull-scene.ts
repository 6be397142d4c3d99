import { FaultProxy } from '../support/fault-proxy.ts';
import { Hub } from '../support/hub.ts';
import type { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import type { PullClient, PullClientKind } from './pull-client.ts';

export interface PullScene extends AsyncDisposable {
  readonly hub: Hub;
  readonly layover: Layover;
  readonly client: PullClient;
  /** Bytes that the client got from Layover so far. */
  readonly bytesToClient: () => number;
}

export interface SceneOptions {
  /** `tags.ttl` of the upstream. */
  readonly tagTtl: string;
}

/** Docker Hub, Layover and a client, each a process. */
export async function startPullScene(kind: PullClientKind, images: Images, options: SceneOptions): Promise<PullScene> {
  const parts: AsyncDisposable[] = [];
  const started = async <T extends AsyncDisposable>(starting: Promise<T>): Promise<T> => {
    const part = await starting;
    parts.unshift(part);
    return part;
  };
  const dispose = async () => {
    for (const part of parts) await part[Symbol.asyncDispose]();
  };
  try {
    const hub = await started(Hub.start(images));
    const upstreams = [dockerHubUpstream(hub, { tags: { ttl: options.tagTtl } })];
    const layover = await started(Layover.startProcess({ config: { proxy: { upstreams } } }));
    // Counts what the client fetches: a warm pull that fetched nothing would prove nothing.
    const tap = await started(FaultProxy.start(layover.port));
    const client = await started(kind.start(tap.url));
    return { hub, layover, client, bytesToClient: () => tap.counts.bytesFromTarget, [Symbol.asyncDispose]: dispose };
  } catch (err) {
    await dispose();
    throw err;
  }
}
