import type { ActivityControl, ClientList, RequestPage, RequestQuery } from '../operations/activity-control.ts';
import type {
  AccessCheckRequest,
  AccessControl,
  AccessList,
  AccessQuery,
  AccessReport,
  ForgetAccess,
  ForgottenAccess,
} from '../operations/access-control.ts';
import type { BudgetControl, BudgetHold, BudgetReport } from '../operations/budget-control.ts';
import type {
  BundleControl,
  BundleView,
  ForgottenBundle,
  ImportRequest,
  ImportStatus,
} from '../operations/bundle-control.ts';
import {
  COLLECTED_KINDS,
  type CacheControl,
  type CacheStats,
  type CollectedPage,
  type CollectionRequest,
  type CollectionStatus,
  type PagedCollectionStatus,
  type ContentDetails,
  type EvictOptions,
  type EvictResult,
  type ImageCheckRequest,
  type ImageCheckResult,
  type ListPage,
  type ListQuery,
  type PinView,
  type RebuildStatus,
  type RefreshResult,
  type ScrubStatus,
} from '../operations/cache-control.ts';
import type { CancelledFills, FillControl, FillList } from '../operations/fill-control.ts';
import type { JobControl, JobImage, JobStatus, WarmRequest } from '../operations/job-control.ts';
import type {
  HeldImage,
  PolicyCheck,
  PolicyControl,
  ReleasedImage,
  TagHistoryControl,
  TagHistoryView,
} from '../operations/policy-control.ts';
import type { DeniedView, RecallControl, RecallRequest, RecallResult } from '../operations/recall-control.ts';
import type { RecordedImages, Recording, RecordingControl, RecordingRequest } from '../operations/recording-control.ts';
import type { PullLog, PullPage, PullQuery } from '../operations/pull-log.ts';
import type { SignInLink, SignInLinks } from '../operations/sign-in-links.ts';
import type { HistoryRange, HistoryView, ServiceStatus, StatusControl } from '../operations/status-control.ts';
import type { Problem, ProblemControl } from '../operations/problem-control.ts';
import type { ProbeView, UpstreamControl, UpstreamView } from '../operations/upstream-control.ts';
import { RemoteCalls, type RemoteControlOptions } from './remote-calls.ts';

/** The cache of another process, through its admin API. Its methods also throw {@link ServerUnreachableError}. */
export class RemoteControl
  implements
    CacheControl,
    PullLog,
    BudgetControl,
    BundleControl,
    JobControl,
    RecordingControl,
    StatusControl,
    FillControl,
    UpstreamControl,
    ActivityControl,
    ProblemControl,
    RecallControl,
    AccessControl,
    SignInLinks,
    PolicyControl,
    TagHistoryControl
{
  readonly #calls: RemoteCalls;

  constructor(options: RemoteControlOptions) {
    this.#calls = new RemoteCalls(options);
  }

  list(query: ListQuery): Promise<ListPage> {
    return this.#calls.call('GET', `/cache?${parametersOf(query)}`);
  }

  findPulls(query: PullQuery): Promise<PullPage> {
    return this.#calls.call('GET', `/audit/pulls?${parametersOf(query)}`);
  }

  status(): Promise<ServiceStatus> {
    return this.#calls.call('GET', '/status');
  }

  history(range: HistoryRange): Promise<HistoryView> {
    return this.#calls.call('GET', `/history?range=${range}`);
  }

  fills(): Promise<FillList> {
    return this.#calls.call('GET', '/fills');
  }

  cancelFill(digest: string): Promise<CancelledFills> {
    return this.#calls.call('DELETE', `/fills/${encodeURIComponent(digest)}`, {});
  }

  requests(query: RequestQuery): Promise<RequestPage> {
    return this.#calls.call('GET', `/requests?${parametersOf(query)}`);
  }

  clients(): Promise<ClientList> {
    return this.#calls.call('GET', '/clients');
  }

  async problems(): Promise<readonly Problem[]> {
    return (await this.#calls.call<{ problems: readonly Problem[] }>('GET', '/problems')).problems;
  }

  async upstreams(): Promise<readonly UpstreamView[]> {
    return (await this.#calls.call<{ upstreams: readonly UpstreamView[] }>('GET', '/upstreams')).upstreams;
  }

  probeUpstream(name: string): Promise<ProbeView> {
    return this.#calls.call('POST', `/upstreams/${encodeURIComponent(name)}/probe`, {});
  }

  resetUpstream(name: string): Promise<UpstreamView> {
    return this.#calls.call('POST', `/upstreams/${encodeURIComponent(name)}/reset`, {});
  }

  setUpstreamOffline(name: string, forMs: number): Promise<UpstreamView> {
    return this.#calls.call('POST', `/upstreams/${encodeURIComponent(name)}/offline`, { forMs });
  }

  show(name: string): Promise<ContentDetails> {
    return this.#calls.call('GET', `/cache/entry?name=${encodeURIComponent(name)}`);
  }

  async pins(): Promise<readonly PinView[]> {
    return (await this.#calls.call<{ pins: PinView[] }>('GET', '/pins')).pins;
  }

  async pin(pattern: string): Promise<void> {
    await this.#calls.call('POST', '/pins', { pattern });
  }

  async unpin(pattern: string): Promise<void> {
    await this.#calls.call('DELETE', '/pins', { pattern });
  }

  evict(name: string, options: EvictOptions = {}): Promise<EvictResult> {
    return this.#calls.call('POST', '/evict', { name, ...options });
  }

  refresh(name: string): Promise<RefreshResult> {
    return this.#calls.patient().call('POST', '/refresh', { name });
  }

  check(image: ImageCheckRequest): Promise<ImageCheckResult> {
    return this.#calls.patient().call('POST', '/check', image);
  }

  stats(): Promise<CacheStats> {
    return this.#calls.call('GET', '/stats');
  }

  startScrub(): Promise<ScrubStatus> {
    return this.#calls.call('POST', '/scrub', {});
  }

  scrubStatus(): Promise<ScrubStatus> {
    return this.#calls.call('GET', '/scrub');
  }

  startRebuild(): Promise<RebuildStatus> {
    return this.#calls.call('POST', '/index/rebuild', {});
  }

  rebuildStatus(): Promise<RebuildStatus> {
    return this.#calls.call('GET', '/index/rebuild');
  }

  startCollection(request: CollectionRequest): Promise<CollectionStatus> {
    return this.#calls.call('POST', '/collection', request);
  }

  async collectionStatus(): Promise<CollectionStatus> {
    const { counts, result, ...status } = await this.#calls.call<PagedCollectionStatus>('GET', '/collection');
    if (!counts || !result) return { ...status, result };
    const whole = { ...result };
    for (const kind of COLLECTED_KINDS) {
      const first = result[kind];
      if (first.length < counts[kind])
        Object.assign(whole, { [kind]: [...first, ...(await this.#rest(kind, first.length))] });
    }
    return { ...status, result: whole };
  }

  async #rest(kind: string, start: number): Promise<CollectedPage['collected']> {
    const all: CollectedPage['collected'][number][] = [];
    for (let cursor: string | undefined = String(start); cursor !== undefined; ) {
      const query: string = parametersOf({ kind, cursor, limit: 1_000 });
      const page: CollectedPage = await this.#calls.call('GET', `/collection/results?${query}`);
      all.push(...page.collected);
      ({ cursor } = page);
    }
    return all;
  }

  async previewSync(rule: string): Promise<readonly JobImage[]> {
    const path = `/jobs/${encodeURIComponent(rule)}/preview`;
    return (await this.#calls.patient().call<{ images: readonly JobImage[] }>('GET', path)).images;
  }

  budget(upstream?: string): Promise<BudgetReport> {
    const query = upstream === undefined ? '' : `?upstream=${encodeURIComponent(upstream)}`;
    return this.#calls.call('GET', `/budget${query}`);
  }

  holdBudget(request: BudgetHold): Promise<BudgetReport> {
    return this.#calls.call('POST', '/budget/hold', request);
  }

  startImport(request: ImportRequest): Promise<ImportStatus> {
    return this.#calls.call('POST', '/bundles/import', request);
  }

  importStatus(): Promise<ImportStatus> {
    return this.#calls.call('GET', '/bundles/import');
  }

  stopImport(): Promise<ImportStatus> {
    return this.#calls.call('DELETE', '/bundles/import', {});
  }

  async bundles(): Promise<readonly BundleView[]> {
    return (await this.#calls.call<{ bundles: BundleView[] }>('GET', '/bundles')).bundles;
  }

  forgetBundle(id: string): Promise<ForgottenBundle> {
    return this.#calls.call('DELETE', '/bundles', { id });
  }

  async jobs(): Promise<readonly JobStatus[]> {
    return (await this.#calls.call<{ jobs: JobStatus[] }>('GET', '/jobs')).jobs;
  }

  job(name: string): Promise<JobStatus> {
    return this.#calls.call('GET', `/jobs/${encodeURIComponent(name)}`);
  }

  async jobImages(name: string, after: number): Promise<readonly JobImage[]> {
    const lines = await this.#calls.read('GET', `/jobs/${encodeURIComponent(name)}/images?after=${after}`);
    return lines
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as JobImage);
  }

  warm(request: WarmRequest): Promise<JobStatus> {
    return this.#calls.call('POST', '/jobs', request);
  }

  runJob(name: string): Promise<JobStatus> {
    return this.#calls.call('POST', `/jobs/${encodeURIComponent(name)}/run`, {});
  }

  stopJob(name: string): Promise<JobStatus> {
    return this.#calls.call('POST', `/jobs/${encodeURIComponent(name)}/stop`, {});
  }

  startRecording(request: RecordingRequest): Promise<Recording> {
    return this.#calls.call('POST', '/recordings', request);
  }

  stopRecording(name: string): Promise<RecordedImages> {
    return this.#calls.patient().call('POST', `/recordings/${encodeURIComponent(name)}/stop`, {});
  }

  accessDecisions(query: AccessQuery): Promise<AccessList> {
    return this.#calls.call('GET', `/access?${parametersOf(query)}`);
  }

  checkAccess(request: AccessCheckRequest): Promise<AccessReport> {
    return this.#calls.call('POST', '/access/check', request);
  }

  forgetAccess(request: ForgetAccess): Promise<ForgottenAccess> {
    return this.#calls.call('POST', '/access/forget', request);
  }

  denied(): Promise<DeniedView> {
    return this.#calls.call('GET', '/recalls');
  }

  recall(request: RecallRequest): Promise<RecallResult> {
    return this.#calls.call('POST', '/recalls', request);
  }

  lift(digests: readonly string[]): Promise<RecallResult> {
    return this.#calls.call('DELETE', '/recalls', { digests });
  }

  createLink(): Promise<SignInLink> {
    return this.#calls.call('POST', '/session/links', {});
  }

  checkPolicy(name: string): Promise<PolicyCheck> {
    return this.#calls.patient().call('GET', `/policy/check?${parametersOf({ name })}`);
  }

  async policyChanges(): Promise<readonly PolicyCheck[]> {
    const { changes } = await this.#calls.patient().call<{ changes: PolicyCheck[] }>('GET', '/policy/changes');
    return changes;
  }

  async heldContent(): Promise<readonly HeldImage[]> {
    return (await this.#calls.call<{ held: HeldImage[] }>('GET', '/policy/held')).held;
  }

  releaseContent(name: string, reason: string): Promise<ReleasedImage> {
    return this.#calls.call('POST', '/policy/releases', { name, reason });
  }

  tagHistory(name: string): Promise<TagHistoryView> {
    return this.#calls.call('GET', `/tag-history?${parametersOf({ name })}`);
  }
}

function parametersOf(query: object): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return new URLSearchParams(given.map(([key, value]): [string, string] => [key, String(value)])).toString();
}
