import { join } from 'node:path';
import { tmpdir } from 'node:os';

import type { Clock } from '../../clock/clock.ts';
import type { ProxyConfig, UpstreamConfig } from '../../config/config.ts';
import { BandwidthLimit } from '../../fills/bandwidth-limit.ts';
import { Fills } from '../../fills/fills.ts';
import type { RunningFills } from '../../fills/running-fills.ts';
import { SpoolArea } from '../../fills/spool-area.ts';
import { allowNames } from '../../filters/allow-names.ts';
import { createNameFilter, type NameRefusal, refuseNames } from '../../filters/name-filter.ts';
import { refuseHeld } from '../../filters/refuse-content.ts';
import { refuseWrites } from '../../filters/read-only.ts';
import { createUploadSecrets, type UploadSecrets } from '../../hosted/upload-secrets.ts';
import type { PeerAccess } from '../../http/peers/peer-fills.ts';
import type { BudgetControl } from '../../operations/budget-control.ts';
import type { RefreshResult } from '../../operations/cache-control.ts';
import { ControlError } from '../../operations/control-error.ts';
import { pullThrough } from '../../pull-through/create-pull-through.ts';
import {
  type CachedContent,
  describeRefusedWrites,
  type PullThroughRegistry,
} from '../../pull-through/pull-through.ts';
import { Relay } from '../../pull-through/relay.ts';
import type { UpstreamRoute } from '../../pull-through/router.ts';
import type { TagEntries } from '../../pull-through/tag-entries.ts';
import type { Quota } from '../../retention/quota.ts';
import { createPeerSecret } from '../../redis/peer-secret.ts';
import type { ContentRefusals } from '../../registry/refusals.ts';
import type { UpstreamLogin } from '../../registry/registry.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { createUpstream } from '../../upstream/registry-upstream.ts';
import type { AccessCheck, OperatedUpstream, Upstream } from '../../upstream/upstream.ts';
import { VERSION } from '../../version.ts';
import type { CloseStack } from '../close-stack.ts';
import type { Admitting } from './admitting.ts';
import { LocalBudgets } from './budget-control.ts';
import { createLimits } from './budgets.ts';
import type { AccessParts, DecidingAccess } from './deciding-access.ts';
import type { WithPrefetch } from './prefetching.ts';
import { loadReplicas } from './replicas.ts';
import type { Stored } from './stored.ts';

export interface PullingParts extends Stored {
  readonly opened: CloseStack;
  /** Stored content, for lists that the upstream does not return. */
  readonly cached: CachedContent;
  readonly running: RunningFills;
  readonly tags: TagEntries;
  /** Of the storage; absent when it has no limit. */
  readonly quota: Quota | undefined;
  readonly telemetry: Telemetry;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Content that is neither served nor fetched. */
  readonly refusals: ContentRefusals;
  /** Absent without rules. */
  readonly admitting: Admitting | undefined;
  /** `http.secret`; absent when it is not set. */
  readonly secret: string | undefined;
  /** Keeps decisions about private repositories without Redis. Absent for storage without a directory. */
  readonly accessFile: string | undefined;
}

/** The part of the service that only a pull-through cache has. */
export interface Pulling {
  readonly upstreams: readonly OperatedUpstream[];
  readonly routes: readonly UpstreamRoute[];
  /** The pulls that the upstreams allow. */
  readonly budget: BudgetControl;
  /** Absent when fills are not shared with replicas. */
  readonly peers: PeerAccess | undefined;
  /**
   * Revalidates a tag now.
   *
   * @param repository its stored name
   * @throws {ControlError} `not-found` when it belongs to no upstream
   * @throws {RegistryError} when the upstream fails
   */
  refresh(repository: string, tag: string): Promise<RefreshResult>;
  /**
   * The upstream of a stored name, for work that no client waits for.
   *
   * @throws {RegistryError} · {ControlError} `not-found` when it belongs to no upstream
   */
  find(repository: string): { readonly registry: PullThroughRegistry; readonly remote: string };
  /** Who may read private repositories. Absent when every client may. */
  readonly deciding: DecidingAccess | undefined;
}

/** containerd gives up after 30 s without headers. Milliseconds. */
const MAX_SLOT_WAIT_MS = 5_000;

/** Creates upstreams, and the fills that they share. Contacts no upstream. */
export async function createPulling(proxy: ProxyConfig, parts: PullingParts): Promise<Pulling> {
  const { opened, env, telemetry, redis, clock } = parts;
  const observe = telemetry.tracing?.followUpstream;
  const upstreams = await Promise.all(
    proxy.upstreams.map(async (config) => {
      const limits = await createLimits(config, parts);
      const options = { config, env, events: telemetry.upstream, observe, version: VERSION, clock, ...limits };
      return { config, budget: limits.budget, upstream: opened.use(createUpstream(options)) };
    }),
  );
  const replicas = await loadReplicas(proxy.fills.advertise, parts);
  if (replicas) opened.use(replicas);
  const fills = await createFills(proxy, { ...parts, ...(replicas && { sharing: replicas.sharing }) });
  const secrets = createUploadSecrets({ configured: parts.secret, shared: redis && createPeerSecret(redis) });
  const withPrefetch = await loadPrefetch(proxy);
  const deciding = await loadAccess(proxy, { ...parts, secrets });
  const pulled = upstreams.map(({ config, upstream }) =>
    createPulledUpstream(config, { ...parts, upstream, fills, proxy, withPrefetch, deciding, secrets }),
  );
  return {
    upstreams: upstreams.map(({ upstream }) => upstream),
    routes: pulled.map(({ route }) => route),
    budget: new LocalBudgets(upstreams, { metrics: telemetry.metrics, clock }),
    peers: replicas?.accessTo(fills),
    refresh: async (repository, tag) => {
      const { registry, remote } = findUpstream(pulled, repository);
      const { digest, changed, fetched } = await registry.refreshTag(remote, tag);
      return { digest, changed, fetched };
    },
    find: (repository) => findUpstream(pulled, repository),
    deciding,
  };
}

async function loadPrefetch(proxy: ProxyConfig): Promise<WithPrefetch | undefined> {
  if (!proxy.upstreams.some(({ prefetch }) => prefetch)) return undefined;
  const { prefetchFor } = await import('./prefetching.ts');
  return prefetchFor(proxy);
}

async function loadAccess(proxy: ProxyConfig, parts: AccessParts): Promise<DecidingAccess | undefined> {
  if (!proxy.upstreams.some(({ access }) => access)) return undefined;
  const { createDecidingAccess } = await import('./deciding-access.ts');
  return createDecidingAccess(proxy, parts);
}

async function createFills(
  { fills: config, background }: ProxyConfig,
  parts: PullingParts & Pick<ConstructorParameters<typeof Fills>[0], 'sharing'>,
): Promise<Fills> {
  const { opened, buffers, driver, store, telemetry, running, quota, sharing, clock } = parts;
  const spools = new SpoolArea({
    directory: spoolDirectoryOf({ fills: config }, driver),
    maxBytes: config.maxSpoolBytes,
    keepMs: config.keepSpoolMs,
    buffers,
    onSize: (bytes) => telemetry.cache.spoolBytes(bytes),
    quota,
    clock,
  });
  opened.defer(() => spools.stop());
  await spools.start();
  const { maxConcurrent, maxPerUpstream, minRate } = config;
  const limits = { total: maxConcurrent, perUpstream: maxPerUpstream, maxWaitMs: MAX_SLOT_WAIT_MS };
  const { bytesPerSecond } = background;
  const bandwidth = bytesPerSecond === undefined ? undefined : new BandwidthLimit(bytesPerSecond, clock);
  const options = { running, spools, target: store, events: telemetry.cache, limits, minRate, clock, bandwidth };
  const fills = new Fills({ ...options, ...(sharing && { sharing }) });
  opened.defer(() => fills.stop());
  return fills;
}

export function spoolDirectoryOf(
  { fills }: Pick<ProxyConfig, 'fills'>,
  driver: Pick<Stored['driver'], 'spoolDirectory'>,
): string {
  return fills.directory ?? driver.spoolDirectory ?? join(tmpdir(), 'layover-fills');
}

interface PulledUpstream {
  readonly route: UpstreamRoute;
  readonly registry: PullThroughRegistry;
  readonly refusalOf: NameRefusal;
}

interface PulledUpstreamParts extends PullingParts {
  readonly upstream: Upstream & AccessCheck;
  readonly fills: Fills;
  readonly proxy: ProxyConfig;
  /** Absent when every client may read every repository. */
  readonly deciding: DecidingAccess | undefined;
  /** Absent when no upstream has it. */
  readonly withPrefetch: WithPrefetch | undefined;
  readonly secrets: UploadSecrets;
}

function createPulledUpstream(config: UpstreamConfig, parts: PulledUpstreamParts): PulledUpstream {
  const { upstream, store, content, tags, fills, proxy, usage, cached, telemetry, clock, refusals, admitting } = parts;
  const { offline } = proxy;
  const shared = { upstream, store, content, tags, offline };
  const registry = pullThrough({
    ...shared,
    storePrefix: config.storePrefix,
    policy: config.tags,
    reportsReplaced: config.prefetch?.platforms === 'pulled',
    cached,
    fills,
    refusals,
    now: clock.now,
    events: telemetry.cache,
    onUsed: (...use) => usage.recorder.used(...use),
    onUsedInBackground: (...use) => usage.recorder.usedInBackground(...use),
  });
  const refuseByRules = refuseNames(createNameFilter(config), config.name);
  const storedName = (repository: string) => registry.storedName(repository);
  const refusalOf: NameRefusal = (repository) => refuseByRules(repository) ?? refusals.ofName(storedName(repository));
  const relay = config.passthrough
    ? new Relay({ ...config, ...shared, refusalOf, refusals, secrets: parts.secrets })
    : undefined;
  const { name, aliases, library, isDefault, anyNamespace, storePrefix } = config;
  const names = { name, aliases, library, isDefault, anyNamespace, storePrefix };
  // Writes are refused as such, also to names that `allow` and `deny` exclude.
  const pulled = {
    ...allowNames(registry, refusalOf),
    ...parts.withPrefetch?.(config, { ...parts, registry, refusalOf }),
    ...refuseWrites(describeRefusedWrites(upstream)),
  };
  const prefetch = (repository: string, tag: string, login: UpstreamLogin | undefined) =>
    void registry.refreshTag(repository, tag, { background: 'warm', login }).catch(() => {}); // the next client fetches it
  const gate = { signing: registry, storedName, isOffline: offline, prefetch };
  const served = admitting?.admitContent(pulled, gate) ?? pulled;
  const known = refuseHeld(registry.held, refusals, storedName);
  const held = admitting?.admitHeld(known, { storedName }) ?? known;
  const isAllowed = (repository: string) => refusalOf(repository) === undefined;
  const access = parts.deciding?.add(config, { upstream, registry: served, storedName });
  const route = { ...names, registry: served, held: access?.held(held) ?? held, relay, access, isAllowed };
  return { route, registry, refusalOf };
}

function findUpstream(pulled: readonly PulledUpstream[], stored: string): ReturnType<Pulling['find']> {
  // One upstream may have no prefix: it owns the names that are below no other's.
  const byPrefix = [...pulled].sort((a, b) => b.route.storePrefix.length - a.route.storePrefix.length);
  for (const { registry, refusalOf } of byPrefix) {
    const remote = registry.remoteName(stored);
    if (remote === undefined) continue;
    const refusal = refusalOf(remote);
    if (refusal) throw refusal;
    return { registry, remote };
  }
  throw new ControlError('not-found', `${stored} belongs to no configured upstream`);
}
