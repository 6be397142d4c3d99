import { boundedFetch, type FetchedResponse } from '../fetch/bounded-fetch.ts';
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
import { ControlError, isControlFailure } from '../operations/control-error.ts';
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
import { ADMIN_PATH, type AdminErrorBody } from './api.ts';

export interface RemoteControlOptions {
  /** `http://…`, `https://…` or `unix:<path>`. */
  readonly url: string;
  readonly token?: string | undefined;
  /** For one response. @default 60 s, or an hour for one that waits for an image. Milliseconds. */
  readonly timeoutMs?: number;
}

/** No server listens at the address. */
export class ServerUnreachableError extends Error {
  override readonly name = 'ServerUnreachableError';
  /** Such as `ECONNREFUSED`; empty for a timeout. */
  readonly code: string;

  constructor(url: string, cause: unknown) {
    super(`${url}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  }
}

const TIMEOUT_MS = 60_000;
/** For a response that follows the fetch of an image, or the reading of one. */
const FETCH_TIMEOUT_MS = 3_600_000;
/** The result of a collection lists everything that it removed, which may be a million links. */
const MAX_BYTES = 256 * 1024 * 1024;

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
  readonly #options: RemoteControlOptions;

  constructor(options: RemoteControlOptions) {
    this.#options = options;
  }

  list(query: ListQuery): Promise<ListPage> {
    return this.#call('GET', `/cache?${parametersOf(query)}`);
  }

  findPulls(query: PullQuery): Promise<PullPage> {
    return this.#call('GET', `/audit/pulls?${parametersOf(query)}`);
  }

  status(): Promise<ServiceStatus> {
    return this.#call('GET', '/status');
  }

  history(range: HistoryRange): Promise<HistoryView> {
    return this.#call('GET', `/history?range=${range}`);
  }

  fills(): Promise<FillList> {
    return this.#call('GET', '/fills');
  }

  cancelFill(digest: string): Promise<CancelledFills> {
    return this.#call('DELETE', `/fills/${encodeURIComponent(digest)}`, {});
  }

  requests(query: RequestQuery): Promise<RequestPage> {
    return this.#call('GET', `/requests?${parametersOf(query)}`);
  }

  clients(): Promise<ClientList> {
    return this.#call('GET', '/clients');
  }

  async problems(): Promise<readonly Problem[]> {
    return (await this.#call<{ problems: readonly Problem[] }>('GET', '/problems')).problems;
  }

  async upstreams(): Promise<readonly UpstreamView[]> {
    return (await this.#call<{ upstreams: readonly UpstreamView[] }>('GET', '/upstreams')).upstreams;
  }

  probeUpstream(name: string): Promise<ProbeView> {
    return this.#call('POST', `/upstreams/${encodeURIComponent(name)}/probe`, {});
  }

  resetUpstream(name: string): Promise<UpstreamView> {
    return this.#call('POST', `/upstreams/${encodeURIComponent(name)}/reset`, {});
  }

  setUpstreamOffline(name: string, forMs: number): Promise<UpstreamView> {
    return this.#call('POST', `/upstreams/${encodeURIComponent(name)}/offline`, { forMs });
  }

  show(name: string): Promise<ContentDetails> {
    return this.#call('GET', `/cache/entry?name=${encodeURIComponent(name)}`);
  }

  async pins(): Promise<readonly PinView[]> {
    return (await this.#call<{ pins: PinView[] }>('GET', '/pins')).pins;
  }

  async pin(pattern: string): Promise<void> {
    await this.#call('POST', '/pins', { pattern });
  }

  async unpin(pattern: string): Promise<void> {
    await this.#call('DELETE', '/pins', { pattern });
  }

  evict(name: string, options: EvictOptions = {}): Promise<EvictResult> {
    return this.#call('POST', '/evict', { name, ...options });
  }

  refresh(name: string): Promise<RefreshResult> {
    return this.#patient().#call('POST', '/refresh', { name });
  }

  check(image: ImageCheckRequest): Promise<ImageCheckResult> {
    return this.#patient().#call('POST', '/check', image);
  }

  stats(): Promise<CacheStats> {
    return this.#call('GET', '/stats');
  }

  startScrub(): Promise<ScrubStatus> {
    return this.#call('POST', '/scrub', {});
  }

  scrubStatus(): Promise<ScrubStatus> {
    return this.#call('GET', '/scrub');
  }

  startRebuild(): Promise<RebuildStatus> {
    return this.#call('POST', '/index/rebuild', {});
  }

  rebuildStatus(): Promise<RebuildStatus> {
    return this.#call('GET', '/index/rebuild');
  }

  startCollection(request: CollectionRequest): Promise<CollectionStatus> {
    return this.#call('POST', '/collection', request);
  }

  async collectionStatus(): Promise<CollectionStatus> {
    const { counts, result, ...status } = await this.#call<PagedCollectionStatus>('GET', '/collection');
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
      const page: CollectedPage = await this.#call('GET', `/collection/results?${query}`);
      all.push(...page.collected);
      ({ cursor } = page);
    }
    return all;
  }

  async previewSync(rule: string): Promise<readonly JobImage[]> {
    const path = `/jobs/${encodeURIComponent(rule)}/preview`;
    return (await this.#patient().#call<{ images: readonly JobImage[] }>('GET', path)).images;
  }

  budget(upstream?: string): Promise<BudgetReport> {
    const query = upstream === undefined ? '' : `?upstream=${encodeURIComponent(upstream)}`;
    return this.#call('GET', `/budget${query}`);
  }

  holdBudget(request: BudgetHold): Promise<BudgetReport> {
    return this.#call('POST', '/budget/hold', request);
  }

  startImport(request: ImportRequest): Promise<ImportStatus> {
    return this.#call('POST', '/bundles/import', request);
  }

  importStatus(): Promise<ImportStatus> {
    return this.#call('GET', '/bundles/import');
  }

  stopImport(): Promise<ImportStatus> {
    return this.#call('DELETE', '/bundles/import', {});
  }

  async bundles(): Promise<readonly BundleView[]> {
    return (await this.#call<{ bundles: BundleView[] }>('GET', '/bundles')).bundles;
  }

  forgetBundle(id: string): Promise<ForgottenBundle> {
    return this.#call('DELETE', '/bundles', { id });
  }

  async jobs(): Promise<readonly JobStatus[]> {
    return (await this.#call<{ jobs: JobStatus[] }>('GET', '/jobs')).jobs;
  }

  job(name: string): Promise<JobStatus> {
    return this.#call('GET', `/jobs/${encodeURIComponent(name)}`);
  }

  async jobImages(name: string, after: number): Promise<readonly JobImage[]> {
    const lines = await this.#read('GET', `/jobs/${encodeURIComponent(name)}/images?after=${after}`);
    return lines
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as JobImage);
  }

  warm(request: WarmRequest): Promise<JobStatus> {
    return this.#call('POST', '/jobs', request);
  }

  runJob(name: string): Promise<JobStatus> {
    return this.#call('POST', `/jobs/${encodeURIComponent(name)}/run`, {});
  }

  stopJob(name: string): Promise<JobStatus> {
    return this.#call('POST', `/jobs/${encodeURIComponent(name)}/stop`, {});
  }

  startRecording(request: RecordingRequest): Promise<Recording> {
    return this.#call('POST', '/recordings', request);
  }

  stopRecording(name: string): Promise<RecordedImages> {
    return this.#patient().#call('POST', `/recordings/${encodeURIComponent(name)}/stop`, {});
  }

  accessDecisions(query: AccessQuery): Promise<AccessList> {
    return this.#call('GET', `/access?${parametersOf(query)}`);
  }

  checkAccess(request: AccessCheckRequest): Promise<AccessReport> {
    return this.#call('POST', '/access/check', request);
  }

  forgetAccess(request: ForgetAccess): Promise<ForgottenAccess> {
    return this.#call('POST', '/access/forget', request);
  }

  denied(): Promise<DeniedView> {
    return this.#call('GET', '/recalls');
  }

  recall(request: RecallRequest): Promise<RecallResult> {
    return this.#call('POST', '/recalls', request);
  }

  lift(digests: readonly string[]): Promise<RecallResult> {
    return this.#call('DELETE', '/recalls', { digests });
  }

  createLink(): Promise<SignInLink> {
    return this.#call('POST', '/session/links', {});
  }

  checkPolicy(name: string): Promise<PolicyCheck> {
    return this.#patient().#call('GET', `/policy/check?${parametersOf({ name })}`);
  }

  async policyChanges(): Promise<readonly PolicyCheck[]> {
    const { changes } = await this.#patient().#call<{ changes: PolicyCheck[] }>('GET', '/policy/changes');
    return changes;
  }

  async heldContent(): Promise<readonly HeldImage[]> {
    return (await this.#call<{ held: HeldImage[] }>('GET', '/policy/held')).held;
  }

  releaseContent(name: string, reason: string): Promise<ReleasedImage> {
    return this.#call('POST', '/policy/releases', { name, reason });
  }

  tagHistory(name: string): Promise<TagHistoryView> {
    return this.#call('GET', `/tag-history?${parametersOf({ name })}`);
  }

  #patient(): RemoteControl {
    return new RemoteControl({ ...this.#options, timeoutMs: this.#options.timeoutMs ?? FETCH_TIMEOUT_MS });
  }

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const parsed = parseJson(await this.#read(method, path, body));
    if (parsed === undefined) throw this.#notLayover(200);
    return parsed as T;
  }

  /** The body of a response. @throws {ControlError} of the response */
  async #read(method: string, path: string, body?: object): Promise<string> {
    const { status, body: bytes } = await this.#send(method, `${ADMIN_PATH}${path}`, body && JSON.stringify(body));
    const text = bytes.toString();
    if (status < 300) return text;
    const { error } = (parseJson(text) ?? {}) as Partial<AdminErrorBody>;
    if (!error) throw this.#notLayover(status);
    throw new ControlError(isControlFailure(error.reason) ? error.reason : 'unavailable', error.message);
  }

  #notLayover(status: number): ControlError {
    return new ControlError('unavailable', `${this.#options.url} is not the admin API of Layover (status ${status})`);
  }

  async #send(method: string, path: string, body: string | undefined): Promise<FetchedResponse> {
    const { url, token, timeoutMs = TIMEOUT_MS } = this.#options;
    const headers = {
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': `${Buffer.byteLength(body)}` }),
      ...(token !== undefined && { authorization: `Bearer ${Buffer.from(token).toString('latin1')}` }),
    };
    const socketPath = url.startsWith('unix:') ? url.slice('unix:'.length) : undefined;
    const base = socketPath === undefined ? url.replace(/\/+$/, '') : 'http://localhost';
    try {
      return await boundedFetch(`${base}${path}`, {
        method,
        headers,
        body,
        socketPath,
        timeoutMs,
        maxBytes: MAX_BYTES,
      });
    } catch (err) {
      throw new ServerUnreachableError(url, err);
    }
  }
}

function parametersOf(query: object): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return new URLSearchParams(given.map(([key, value]): [string, string] => [key, String(value)])).toString();
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
