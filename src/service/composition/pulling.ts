import { join } from 'node:path';
import { tmpdir } from 'node:os';

import type { ProxyConfig, UpstreamConfig } from '../../config/config.ts';
import type { RefreshResult } from '../../operations/cache-control.ts';
import { ControlError } from '../../operations/control-error.ts';
import type { Digest } from '../../oci/digest.ts';
import { createPeerSecret } from '../../redis/peer-secret.ts';
import { Fills } from '../../fills/fills.ts';
import { allowNames } from '../../filters/allow-names.ts';
import { createNameFilter, type NameRefusal, refuseNames } from '../../filters/name-filter.ts';
import { type CachedContent, PullThroughRegistry } from '../../pull-through/pull-through.ts';
import { PulledBlobs } from '../../pull-through/pulled-blobs.ts';
import { PulledManifests } from '../../pull-through/pulled-manifests.ts';
import { Relay } from '../../pull-through/relay.ts';
import type { UpstreamRoute } from '../../pull-through/router.ts';
import { SpoolArea, type StoreRoom } from '../../fills/spool-area.ts';
import { TagEntries } from '../../pull-through/tag-entries.ts';
import { createUploadSecrets, type UploadSecrets } from '../../hosted/upload-secrets.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { createUpstream } from '../../upstream/registry-upstream.ts';
import type { Upstream } from '../../upstream/upstream.ts';
import { VERSION } from '../../version.ts';
import { createPeerAccess, createReplicas } from './replicas.ts';
import type { Stored } from './stored.ts';

export interface PullingParts extends Stored {
  readonly cached: CachedContent;
  readonly telemetry: Telemetry;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly room: StoreRoom;
  /** Of `http`, if one is configured. */
  readonly secret: string | undefined;
}

/** Clients give up after a while: containerd after 30 s without headers. Milliseconds. */
const MAX_SLOT_WAIT_MS = 5_000;

/** What only a pull-through cache has: upstreams, and the fills that they all share. */
export async function createPulling(proxy: ProxyConfig, parts: PullingParts) {
  const { buffers, driver, store, telemetry } = parts;
  const spools = new SpoolArea({
    directory: proxy.fills.directory ?? driver.spoolDirectory ?? join(tmpdir(), 'layover-fills'),
    maxBytes: proxy.fills.maxSpoolBytes,
    keepMs: proxy.fills.keepSpoolMs,
    buffers,
    onSize: (bytes) => telemetry.cache.spoolBytes(bytes),
    store: parts.room,
  });
  await spools.start();
  const { maxConcurrent, maxPerUpstream, minRate, advertise } = proxy.fills;
  const replicas = createReplicas(advertise, parts);
  const sharing = replicas && { sharing: replicas.sharing };
  const limits = { total: maxConcurrent, perUpstream: maxPerUpstream, maxWaitMs: MAX_SLOT_WAIT_MS };
  const fills = new Fills({ spools, target: store, events: telemetry.cache, limits, minRate, ...sharing });
  const shared = parts.redis && createPeerSecret(parts.redis);
  const secrets = createUploadSecrets({ configured: parts.secret, shared });
  const upstreams: Upstream[] = [];
  const routes = proxy.upstreams.map((config) => {
    const follow = telemetry.tracing?.followUpstream;
    const upstream = createUpstream({ config, env: parts.env, events: telemetry.upstream, follow, version: VERSION });
    upstreams.push(upstream);
    return createRoute(config, { ...parts, upstream, fills, offline: proxy.offline, secrets });
  });
  return {
    upstreams,
    routes: routes.map(({ route }) => route),
    isFilling: (digest: Digest) => fills.isFilling(digest),
    forgetTag(repository: string, tag: string) {
      for (const { tags } of routes) tags.forget(repository, tag);
    },
    async refresh(repository: string, tag: string): Promise<RefreshResult> {
      for (const { registry, refusalOf } of routes) {
        const remote = registry.remoteName(repository);
        if (remote === undefined) continue;
        const refusal = refusalOf(remote);
        if (refusal) throw refusal;
        return registry.refreshTag(remote, tag);
      }
      throw new ControlError('not-found', `${repository} is of none of the upstreams`);
    },
    peers: replicas && createPeerAccess(replicas.secret, { fills, store }),
    async close() {
      await fills.stop();
      spools.stop();
      await replicas?.close();
      await Promise.all(upstreams.map((upstream) => upstream.close()));
    },
  };
}

interface UpstreamParts {
  readonly route: UpstreamRoute;
  readonly registry: PullThroughRegistry;
  readonly refusalOf: NameRefusal;
  readonly tags: TagEntries;
}

function createRoute(
  config: UpstreamConfig,
  {
    store,
    content,
    cached,
    telemetry,
    ...parts
  }: PullingParts & { upstream: Upstream; fills: Fills; offline: boolean; secrets: UploadSecrets },
): UpstreamParts {
  const { upstream, fills, offline, usage } = parts;
  const tags = new TagEntries(store);
  const isAllowed = createNameFilter(config);
  const refusalOf = refuseNames(isAllowed, config.name);
  const manifests = new PulledManifests({
    upstream,
    content,
    tags,
    policy: config.tags,
    offline,
    events: telemetry.cache,
    now: Date.now,
  });
  const registry = new PullThroughRegistry({
    upstream,
    manifests,
    blobs: new PulledBlobs({ upstream, content, store, fills, offline }),
    cached,
    storePrefix: config.storePrefix,
    offline,
    onUsed: (repository, digest, kind, size) => usage.recorder.used(repository, digest, kind, size),
  });
  const { name, aliases, library, isDefault, anyNamespace, storePrefix } = config;
  const relay = config.passthrough
    ? new Relay({ ...config, refusalOf, upstream, offline, store, content, tags, secrets: parts.secrets })
    : undefined;
  const routed = allowNames(registry, refusalOf);
  const route = { name, aliases, library, isDefault, anyNamespace, storePrefix, registry: routed, relay, isAllowed };
  return { route, registry, refusalOf, tags };
}
