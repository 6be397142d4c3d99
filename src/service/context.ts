import type { PullRecorder } from '../audit/pull-recorder.ts';
import type { Auth, AuthOptions } from '../auth/auth.ts';
import type { Config } from '../config/config.ts';
import { type Clock, SYSTEM_CLOCK } from '../clock/clock.ts';
import type { ContentCache } from '../content/content-cache.ts';
import type { UploadPurging } from '../content/upload-purging.ts';
import { refuseContent } from '../filters/refuse-content.ts';
import { RunningFills } from '../fills/running-fills.ts';
import type { Health } from '../health/health.ts';
import type { PeerAccess } from '../http/peers/peer-fills.ts';
import { acquireDirectory, type DirectoryOwner } from '../locks/directory-owner.ts';
import type { UploadSecrets } from '../hosted/upload-secrets.ts';
import type { AccessControl } from '../operations/access-control.ts';
import type { BudgetControl } from '../operations/budget-control.ts';
import type { BulkControl } from '../operations/bulk-control.ts';
import type { BundleControl } from '../operations/bundle-control.ts';
import type { CacheControl } from '../operations/cache-control.ts';
import type { RecordingControl } from '../operations/recording-control.ts';
import type { JobControl } from '../operations/job-control.ts';
import type { PolicyControl, TagHistoryControl } from '../operations/policy-control.ts';
import type { RecallControl } from '../operations/recall-control.ts';
import type { UsageListener } from '../pull-through/pull-through.ts';
import { Router, type UpstreamRoute } from '../pull-through/router.ts';
import { TagEntries, type TagListener } from '../pull-through/tag-entries.ts';
import type { Redis } from '../redis/redis.ts';
import type { ContentListener } from '../registry/content-event.ts';
import type { ContentRefusals } from '../registry/refusals.ts';
import type { ContentCopies } from '../registry/held-content.ts';
import type { Registry } from '../registry/registry.ts';
import { VERIFY_REGISTRY } from '../verify/verify-registry.ts';
import { createHousekeeping } from '../retention/create-housekeeping.ts';
import type { ForgottenListener } from '../retention/sweep.ts';
import { PinBackup } from '../retention/pin-backup.ts';
import { UnprefixedOwner } from '../retention/unprefixed-owner.ts';
import { loadSchedulerState } from '../retention/scheduler-state.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { closeOnFailure, type CloseStack } from './close-stack.ts';
import type { TagHistories } from '../admission/tag-histories.ts';
import { createAdmitting, createPolicyControls, createTagHistories } from './composition/admitting.ts';
import { createPullRecorder } from './composition/auditing.ts';
import { createDenying, type DenyingParts } from './composition/denying.ts';
import { type Browsing, createBrowsing } from './composition/browsing.ts';
import { createBackgroundJobs } from './composition/background-jobs.ts';
import { type BundlesOptions, createBundles } from './composition/bundles.ts';
import { createImageCheck } from './composition/image-checks.ts';
import { createNotifier, withNotifications } from './composition/notifying.ts';
import { createMonitors, createViews, type Views, withMonitors } from './composition/monitored.ts';
import { measureService } from './composition/measured.ts';
import { createPulling, type Pulling } from './composition/pulling.ts';
import { createHosted, createUploadPurging, type Hosted } from './composition/pushing.ts';
import { createRecordings } from './composition/recordings.ts';
import { createImportUploads, createStoredImages } from './composition/stored-images.ts';
import { openStored, type Stored } from './composition/stored.ts';
import { watchHealth } from './composition/watched-health.ts';

export interface ContextOptions {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly telemetry: Telemetry;
  /** @default the clock of the system */
  readonly clock?: Clock | undefined;
  /** Of cached content, in other processes of the service. Absent when it has one process. */
  readonly copies?: ContentCopies | undefined;
}

/** The objects of the running service. The caller closes it. */
export interface Context extends Views, Browsing {
  readonly router: Router;
  /** Hosted repositories; its catalog lists all stored ones. */
  readonly hosted: Registry;
  readonly health: Health;
  /** Absent when every client may do everything. */
  readonly auth: Auth | undefined;
  /** Absent when fills are not shared with replicas. */
  readonly peers: PeerAccess | undefined;
  readonly cache: CacheControl;
  readonly bulk: BulkControl;
  readonly bundles: BundleControl;
  readonly recalls: RecallControl;
  /** Absent without rules. */
  readonly policy: PolicyControl | undefined;
  readonly tagHistories: TagHistoryControl;
  /** Absent without upstreams. */
  readonly budget: BudgetControl | undefined;
  /** Absent when every client may read every repository of the upstreams. */
  readonly access: AccessControl | undefined;
  /** Absent without upstreams. */
  readonly jobs: JobControl | undefined;
  /** Absent without upstreams. */
  readonly recordings: RecordingControl | undefined;
  /** Gets an event for each change and pull of a client. Absent when notifications are off. */
  readonly listener: ContentListener | undefined;
  /** Records that stored content of an upstream was served. */
  readonly recordUse: UsageListener;
  /** Absent when pulls are not recorded. */
  readonly pulls: PullRecorder | undefined;
  /** For sign-ins to the admin API. Replicas share the secrets when they are configured or have Redis. */
  readonly signIn: { readonly events: Pick<Telemetry, 'admin' | 'auth'>; readonly secrets: UploadSecrets };
  /** Claim of this process on the storage directory that it shares with others. */
  readonly owner: Pick<DirectoryOwner, 'acquired' | 'isOwner'>;
  close(): Promise<void>;
}

/**
 * Creates the objects of the service, each from finished ones. With `composition/` the only place that creates drivers and clients.
 * Contacts no upstream. When it fails, everything that it opened is closed first.
 *
 * @throws when storage, spool directory, a file of certificates or credentials cannot be opened
 */
export function createContext(options: ContextOptions): Promise<Context> {
  return closeOnFailure((opened) => createParts(options, opened));
}

async function createParts(
  { config, env, telemetry: recorded, clock = SYSTEM_CLOCK, copies }: ContextOptions,
  opened: CloseStack,
): Promise<Context> {
  const monitors = createMonitors(config, clock);
  const { notifier, telemetry } = await openNotifier(config, { opened, env, recorded, monitors, clock });
  const auth = config.auth && (await openAuth({ config: config.auth, events: telemetry.auth, now: clock.now }));
  const stored = opened.use(await openStored(config, { telemetry, clock, copies }));
  opened.defer(measureService(config, { ...stored, metrics: telemetry.metrics, clock }));
  const owner = await acquireDirectory(config.storage.driver);
  opened.defer(() => owner.release());
  const running = new RunningFills();
  const { tags, histories } = createTags(config, stored, { telemetry, copies });
  const retention = await openHousekeeping(config, { ...stored, telemetry, running, tags, clock });
  opened.defer(() => retention.stop());
  const pulls = await openPulls(config, { ...stored, telemetry, clock }, opened);
  const denying = { opened, ...stored, telemetry, clock, copies, denyFile: monitors.denyFile };
  const { recalls, ...rules } = await openRules(config, denying, histories);
  const { refusals } = rules;
  const hosted = opened.use(createHosted(config, { ...stored, telemetry, clock, ...rules }));
  const { quota } = retention.housekeeping;
  const { secret } = config.http;
  const shared = { opened, cached: hosted.stored, running, tags, quota, telemetry, env, clock, secret, ...rules };
  const { pulling, router, access } = await openPulling(config, hosted, { ...stored, ...shared, auth, copies });
  const purging = openPurging(config, { ...stored, telemetry, clock }, opened);
  const health = watchHealth(config, { ...stored, upstreams: pulling?.upstreams ?? [], telemetry, refusals });
  opened.defer(() => health.stop());
  const caches = createCaches(config, { retention, pulling, store: stored.store, refusals });
  const working = { ...stored, ...shared, ...retention, ...caches, pulling, pulls };
  const jobs = await createBackgroundJobs(config.proxy, working);
  await startHousekeeping(owner, { retention, isShared: stored.usage.index.isShared, purging });
  pulls?.start();
  const seen = { monitors, running, pulling, telemetry, health, jobs };
  return {
    router,
    hosted: hosted.registry,
    health,
    auth,
    peers: pulling?.peers,
    budget: pulling?.budget,
    access,
    ...caches,
    ...createBrowsing(config.proxy, { ...stored, ...retention.shown, ...rules, running, pulling, clock }),
    ...createViews(config, { ...stored, ...seen, opened, clock }),
    bundles: openBundles(config, { ...stored, ...shared, pins: retention.bundlePins }),
    recalls,
    ...createPolicyControls(rules.admitting, { pulling, histories }),
    jobs,
    recordings: pulling && createRecordings(config.proxy, { ...stored, pulling, pulls, clock, telemetry }),
    listener: notifier && ((event, origin) => notifier.notify(event, origin)),
    recordUse: (repository, digest, kind, size) => stored.usage.recorder.used(repository, digest, kind, size),
    pulls,
    signIn: { events: telemetry, secrets: hosted.secrets },
    owner,
    close: () => opened.close(),
  };
}

async function openPulls(config: Config, parts: Parameters<typeof createPullRecorder>[1], opened: CloseStack) {
  const pulls = await createPullRecorder(config, parts);
  if (pulls) opened.use(pulls);
  return pulls;
}

function openPurging(config: Config, parts: Parameters<typeof createUploadPurging>[1], opened: CloseStack) {
  const purging = createUploadPurging(config, parts);
  if (purging) opened.defer(() => purging.stop());
  return purging;
}

type RuleParts = Stored & DenyingParts & { readonly telemetry: Telemetry };

/** Content that no client gets, and content that has to be admitted. */
async function openRules(config: Config, parts: RuleParts, histories: TagHistories) {
  const { telemetry, clock, usage } = parts;
  const denying = await createDenying(config, parts);
  return { ...denying, admitting: await createAdmitting(config, { usage, histories, telemetry, clock }) };
}

/** Tags of upstreams, and their histories. */
function createTags(
  { proxy }: Config,
  { store, usage }: Stored,
  { telemetry, copies }: { readonly telemetry: Telemetry; readonly copies: ContentCopies | undefined },
) {
  const histories = createTagHistories(usage.index, telemetry);
  const onConfirmed: TagListener = (...confirmed) => histories.observe(...confirmed);
  const upstreams = proxy?.upstreams.length ?? 0;
  return { histories, tags: new TagEntries(store, { upstreams, copies, onConfirmed }) };
}

interface NotifierParts {
  readonly opened: CloseStack;
  readonly env: ContextOptions['env'];
  readonly recorded: Telemetry;
  readonly monitors: ReturnType<typeof createMonitors>;
  readonly clock: Clock;
}

/** @returns with the telemetry that it gets events from */
async function openNotifier(config: Config, { opened, env, recorded, monitors, clock }: NotifierParts) {
  const monitored = withMonitors(recorded, monitors);
  const notifier = await createNotifier({ config, env, telemetry: monitored, clock });
  if (notifier) opened.use(notifier);
  return { notifier, telemetry: await withNotifications(config, monitored, notifier) };
}

function createCaches({ proxy }: Config, { retention, store, pulling, refusals }: CacheParts) {
  const refresh = pulling && ((repository: string, tag: string) => pulling.refresh(repository, tag));
  const cache = retention.createControl({ refresh, check: createImageCheck(proxy, store, refusals) });
  return { cache, bulk: retention.createBulk(cache) };
}

/** Loads authentication. @throws when one of its files cannot be used */
export async function openAuth(options: AuthOptions): Promise<Auth> {
  const { Auth } = await import('../auth/auth.ts');
  return Auth.open(options);
}

function createRouter({ proxy }: Config, hosted: Hosted, upstreams: readonly UpstreamRoute[]): Router {
  const { registry, held } = hosted;
  const hostedNames = proxy?.hosted ?? [];
  return new Router({ hosted: registry, heldHosted: held, hostedNames, upstreams, verify: VERIFY_REGISTRY });
}

type PullingParts = Omit<Parameters<typeof createPulling>[1], 'accessFile'> & Pick<ContextOptions, 'copies'>;

/** The upstreams, the registries of all names, and who may read private repositories. */
async function openPulling(
  config: Config,
  hosted: Hosted,
  { auth, copies, ...parts }: PullingParts & { readonly auth: Auth | undefined },
) {
  const { proxy, accessFile } = config;
  const pulling = proxy && (await createPulling(proxy, { ...parts, accessFile }));
  const router = createRouter(config, hosted, pulling?.routes ?? []);
  return { pulling, router, access: await pulling?.deciding?.createControl({ router, auth, copies }) };
}

interface BundleParts extends Stored {
  readonly opened: CloseStack;
  readonly telemetry: Telemetry;
  readonly tags: TagEntries;
  readonly refusals: ContentRefusals;
  readonly pins: BundlesOptions['pins'];
  readonly quota: BundlesOptions['quota'];
}

function openBundles(config: Config, { opened, tags, refusals, pins, quota, ...stored }: BundleParts): BundleControl {
  const uploads = createImportUploads(stored);
  const registry = refuseContent(opened.use(createStoredImages({ ...stored, uploads })), refusals);
  const onTagged = (repository: string, tag: string) => tags.forget(repository, tag);
  return opened.use(
    createBundles(config, { store: stored.store, registry, uploads, quota, pins, log: stored.telemetry.log, onTagged }),
  );
}

interface CacheParts extends Pick<Stored, 'store'> {
  readonly retention: Awaited<ReturnType<typeof openHousekeeping>>;
  readonly pulling: Pulling | undefined;
  readonly refusals: ContentRefusals;
}

interface HousekeepingParts extends Stored {
  readonly telemetry: Telemetry;
  readonly running: RunningFills;
  readonly tags: TagEntries;
  readonly clock: Clock;
}

async function openHousekeeping(config: Config, parts: HousekeepingParts) {
  const { driver, store, content, usage, redis, telemetry, running, tags, clock } = parts;
  telemetry.housekeeping.quota(config.storage.quota?.size ?? 0);
  return createHousekeeping(config, usage, {
    store,
    leader: usage.index.isShared && redis ? await loadLeadership(redis) : undefined,
    isFilling: (digest) => running.isFilling(digest),
    onForgotten: forgetIn(content, tags),
    loadSchedulerState: () => loadSchedulerState(driver),
    pinBackup: new PinBackup(driver),
    unprefixedOwner: new UnprefixedOwner(driver),
    events: telemetry.housekeeping,
    clock,
  });
}

async function loadLeadership(redis: Redis) {
  const { createLeadership } = await import('../redis/leadership.ts');
  return createLeadership(redis, 'housekeeping');
}

/** Removes from memory, in all processes of the service, the content that was removed from storage. */
function forgetIn(content: ContentCache, tagEntries: TagEntries): ForgottenListener {
  return async (repository, digest, tags) => {
    const forgotten = [content.forget(repository, digest), ...tags.map((tag) => tagEntries.forget(repository, tag))];
    await Promise.all(forgotten);
  };
}

interface StartedParts {
  readonly retention: { start(): void };
  readonly isShared: boolean;
  readonly purging: UploadPurging | undefined;
}

/** Without a shared index, housekeeping runs in the process that owns the storage directory. */
async function startHousekeeping(owner: DirectoryOwner, { retention, isShared, purging }: StartedParts): Promise<void> {
  if (isShared) retention.start();
  const startAsOwner = async (): Promise<void> => {
    await owner.acquired;
    if (!isShared) retention.start();
    purging?.start();
  };
  const started = startAsOwner();
  if (owner.isOwner) await started;
}
