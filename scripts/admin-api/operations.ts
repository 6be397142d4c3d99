/** An operation of the admin API. Types are those of the sources, as TypeScript. */
export interface AdminOperation {
  readonly summary: string;
  /** Query parameters, with their meaning. */
  readonly query?: Readonly<Record<string, string>>;
  /** Type of the body of the request. Absent: `{}`, for methods that have a body. */
  readonly body?: string;
  /** Type of the response. `{}` without content. */
  readonly response: string;
  /** @default 'application/json' */
  readonly mediaType?: string;
}

const PAGE = { limit: 'Maximum number of entries of a page.', cursor: 'The cursor of the previous page.' };
const REPOSITORY = { repository: 'Stored name of the repository, such as docker.io/library/alpine.' };
const FETCH = { fetch: '1: requests it from the upstream when it is not stored.' };

/** Every operation of the admin API, by method and path. */
export const ADMIN_OPERATIONS: Readonly<Record<string, AdminOperation>> = {
  'GET /status': { summary: 'The state of the service, from memory.', response: 'ServiceStatus' },
  'GET /history': {
    summary: 'Series of the last hour, day or quarter.',
    query: { range: '1h, 24h or 90d.' },
    response: 'HistoryView',
  },
  'GET /fills': { summary: 'The running fills.', response: 'FillList' },
  'DELETE /fills/{digest}': { summary: 'Cancels the fills of a digest.', response: 'CancelledFills' },
  'GET /events': {
    summary: 'Server-sent events: fills, breaker, problem, job, verify, and reset when events were missed.',
    response: 'ServiceEventData',
    mediaType: 'text/event-stream',
  },
  'GET /upstreams': { summary: 'The upstreams and their hosts.', response: '{ upstreams: readonly UpstreamView[] }' },
  'POST /upstreams/{name}/probe': { summary: 'Sends a request to each host of an upstream.', response: 'ProbeView' },
  'POST /upstreams/{name}/reset': { summary: 'Forgets the failures of its hosts.', response: 'UpstreamView' },
  'POST /upstreams/{name}/offline': {
    summary: 'Stops calling an upstream for a while.',
    body: '{ forMs: number }',
    response: 'UpstreamView',
  },
  'GET /requests': {
    summary: 'The last requests of clients.',
    query: { client: 'Only those of this client.', only: 'failed: only those that failed.', ...PAGE },
    response: 'RequestPage',
  },
  'GET /clients': { summary: 'The clients with the most requests.', response: 'ClientList' },
  'GET /problems': { summary: 'What needs attention.', response: '{ problems: readonly Problem[] }' },
  'GET /repositories': {
    summary: 'Stored repositories, in pages.',
    query: {
      query: 'A glob over stored names, or a part of the name.',
      upstream: 'Only those of this upstream.',
      sort: 'name, used or size.',
      ...PAGE,
    },
    response: 'RepositoryPage',
  },
  'GET /repositories/{name}/tags': {
    summary: 'The tags of a repository; its name may have slashes.',
    query: { query: 'A part of the tag.', all: '1: also manifests without tag.', ...PAGE },
    response: 'TagPage',
  },
  'GET /manifest': {
    summary: 'A manifest with its config, parsed.',
    query: { ...REPOSITORY, reference: 'Tag or digest.', ...FETCH },
    response: 'ManifestView',
  },
  'GET /referrers': {
    summary: 'What is attached to a manifest.',
    query: { ...REPOSITORY, digest: 'Of the manifest.', ...FETCH },
    response: 'ReferrerList',
  },
  'GET /layer': {
    summary: 'The files of a stored layer, in pages. One layer is read at a time.',
    query: { ...REPOSITORY, digest: 'Of the layer.', prefix: 'Only paths that begin with it.', ...PAGE },
    response: 'LayerPage',
  },
  'GET /cache': {
    summary: 'Stored content, in pages.',
    query: {
      filter: 'A glob, or a part of the name.',
      sort: 'name, used or size.',
      kind: 'manifest or blob.',
      ...PAGE,
    },
    response: 'ListPage',
  },
  'GET /cache/entry': {
    summary: 'Stored content with its parts.',
    query: { name: 'repository:tag or repository@digest.' },
    response: 'ContentDetails',
  },
  'POST /evict': {
    summary: 'Evicts one name or glob, or many names; with dryRun it only shows what that would do.',
    body: '{ name: string; force?: boolean } | BulkEviction',
    response: 'EvictResult | BulkEvictResult',
  },
  'POST /refresh': {
    summary: 'Revalidates a tag at its upstream, and fetches its image.',
    body: '{ name: string }',
    response: 'RefreshResult',
  },
  'GET /pins': { summary: 'The pins.', response: '{ pins: readonly PinView[] }' },
  'POST /pins': {
    summary: 'Pins a pattern, or many; with dryRun it only shows what they match.',
    body: '{ pattern: string } | BulkPins',
    response: '{} | BulkPinResult',
  },
  'DELETE /pins': { summary: 'Removes a pin.', body: '{ pattern: string }', response: '{}' },
  'GET /stats': { summary: 'Sums over stored content.', response: 'CacheStats' },
  'GET /storage/ages': { summary: 'Stored bytes by upstream and age.', response: 'StorageAges' },
  'GET /scrub': { summary: 'The state of the scrub.', response: 'ScrubStatus' },
  'POST /scrub': { summary: 'Starts a scrub.', response: 'ScrubStatus' },
  'GET /index/rebuild': { summary: 'The state of a rebuild of the index.', response: 'RebuildStatus' },
  'POST /index/rebuild': { summary: 'Rebuilds the index of use records.', response: 'RebuildStatus' },
  'GET /collection': { summary: 'The state of the garbage collection.', response: 'PagedCollectionStatus' },
  'POST /collection': {
    summary: 'Starts a garbage collection.',
    body: 'CollectionRequest',
    response: 'PagedCollectionStatus',
  },
  'GET /collection/results': {
    summary: 'What the last collection removed, in pages.',
    query: { kind: 'manifests, links or blobs.', ...PAGE },
    response: 'CollectedPage',
  },
  'POST /check': {
    summary: 'Whether clients can pull an image without its upstream.',
    body: 'ImageCheckRequest',
    response: 'ImageCheckResult',
  },
  'GET /budget': {
    summary: 'The pulls that upstreams allow.',
    query: { upstream: 'Only this upstream.' },
    response: 'BudgetReport',
  },
  'POST /budget/hold': {
    summary: 'Holds or releases work that no client waits for.',
    body: 'BudgetHold',
    response: 'BudgetReport',
  },
  'GET /jobs': { summary: 'The jobs.', response: '{ jobs: readonly JobStatus[] }' },
  'POST /jobs': { summary: 'Starts to fetch images.', body: 'WarmRequest', response: 'JobStatus' },
  'GET /jobs/{name}': { summary: 'A job.', response: 'JobStatus' },
  'POST /jobs/{name}/run': { summary: 'Starts a configured job now.', response: 'JobStatus' },
  'POST /jobs/{name}/stop': { summary: 'Ends the current run of a job.', response: 'JobStatus' },
  'GET /jobs/{name}/preview': {
    summary: 'What a run of a rule of proxy.sync would do.',
    response: '{ images: readonly JobImage[] }',
  },
  'GET /jobs/{name}/images': {
    summary: 'The images that are done, one line of JSON each.',
    query: { after: 'How many to skip.' },
    response: 'JobImage',
    mediaType: 'application/x-ndjson',
  },
  'GET /recalls': { summary: 'The denied content.', response: 'DeniedView' },
  'POST /recalls': { summary: 'Denies digests.', body: 'RecallRequest', response: 'RecallResult' },
  'DELETE /recalls': { summary: 'Ends recalls.', body: '{ digests: readonly string[] }', response: 'RecallResult' },
  'GET /policy/check': {
    summary: 'What the rules of policy.admission decide about an image, without effects.',
    query: { name: 'Stored name with tag or digest.' },
    response: 'PolicyCheck',
  },
  'GET /policy/changes': {
    summary: 'Admitted images that the current rules would refuse.',
    response: '{ changes: readonly PolicyCheck[] }',
  },
  'GET /policy/held': { summary: 'Content that is held.', response: '{ held: readonly HeldImage[] }' },
  'POST /policy/releases': {
    summary: 'Releases a digest from the rules.',
    body: '{ name: string; reason: string }',
    response: 'ReleasedImage',
  },
  'GET /tag-history': {
    summary: 'The digests that a tag has named.',
    query: { name: 'Stored name with a tag.' },
    response: 'TagHistoryView',
  },
  'GET /access': {
    summary: 'Decisions about private repositories.',
    query: { names: 'A glob for stored names.', limit: 'Of decisions.' },
    response: 'AccessList',
  },
  'POST /access/check': {
    summary: 'Decides whether a user may read a repository.',
    body: 'AccessCheckRequest',
    response: 'AccessReport',
  },
  'POST /access/forget': { summary: 'Forgets decisions.', body: 'ForgetAccess', response: 'ForgottenAccess' },
  'POST /recordings': { summary: 'Starts to record pulls.', body: 'RecordingRequest', response: 'Recording' },
  'POST /recordings/{name}/stop': { summary: 'Ends a recording.', response: 'RecordedImages' },
  'GET /bundles': { summary: 'The bundles whose content is pinned.', response: '{ bundles: readonly BundleView[] }' },
  'DELETE /bundles': {
    summary: 'Removes the pins of a bundle.',
    body: '{ id: string }',
    response: 'ForgottenBundle',
  },
  'GET /bundles/import': { summary: 'The state of the import.', response: 'ImportStatus' },
  'POST /bundles/import': { summary: 'Imports a bundle.', body: 'ImportRequest', response: 'ImportStatus' },
  'DELETE /bundles/import': { summary: 'Stops the import.', response: 'ImportStatus' },
  'GET /audit/pulls': {
    summary: 'Who pulled what.',
    query: {
      image: 'A glob, or a part of the name.',
      digest: 'Of the manifest, or its index.',
      client: 'Name, address or network.',
      since: 'Only later pulls. Unix milliseconds.',
      ...PAGE,
    },
    response: 'PullPage',
  },
  'GET /verify/{nonce}': {
    summary: 'Clients that requested the image for verification.',
    response: '{ verifications: readonly VerificationView[] }',
  },
  'GET /config': { summary: 'The configuration in effect, without secrets.', response: 'ConfigView' },
  'GET /setup': {
    summary: 'How a client is set up for this cache.',
    query: {
      client: 'Name of the kind of client.',
      address: 'URL at which it reaches the cache.',
      registries: 'Registries, with commas between them.',
      enforce: 'true: it must not use registries directly.',
    },
    response: 'SetupView',
  },
  'GET /session': { summary: 'How the client is known, and how it can sign in.', response: 'SessionView' },
  'POST /session': {
    summary: 'Signs in; the response has a cookie.',
    body: '{ user: string; password: string } | { token: string }',
    response: 'SessionView',
  },
  'DELETE /session': { summary: 'Signs out.', response: '{}' },
  'POST /session/links': { summary: 'Makes a link that signs a browser in once.', response: 'SignInLink' },
  'GET /session/link': {
    summary: 'Signs a browser in, and leads it to the dashboard with status 303.',
    query: { code: 'Of the link.' },
    response: '{}',
    mediaType: 'text/html',
  },
  'GET /session/oidc': {
    summary: 'Leads a browser to the provider of ui.auth.oidc with status 303.',
    response: '{}',
    mediaType: 'text/html',
  },
  'GET /session/oidc/callback': {
    summary: 'Where the provider leads the browser back to, with status 303 to the dashboard.',
    query: { code: 'Of the provider.', state: 'Of the beginning.' },
    response: '{}',
    mediaType: 'text/html',
  },
  'GET /openapi.json': { summary: 'This document.', response: 'Record<string, unknown>' },
};
