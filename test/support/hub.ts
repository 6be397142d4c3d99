import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Digest } from '../../src/oci/digest.ts';
import { BackendClient } from './backend-client.ts';
import { type Answer, type Exchange, respond } from './exchange.ts';
import { Faults } from './faults.ts';
import { classifyRegistryRequest, logEntry } from './hub-requests.ts';
import { answerCdn, answerRegistry, answerToken } from './hub-origins.ts';
import type { HubOptions, HubState } from './hub-state.ts';
import type { Images } from './images.ts';
import { AbuseLimit } from './abuse-limit.ts';
import { RateLimit } from './rate-limit.ts';
import { type RegistryBackend, startRegistryBackend } from './registry-backend.ts';
import { type LoggedRequest, type RequestKind, RequestLog } from './request-log.ts';
import { SignedUrls } from './signed-urls.ts';
import { StoppableServer } from './stoppable-server.ts';
import { TokenIssuer } from './token-issuer.ts';

/**
 * A real registry that looks like Docker Hub: a registry, a token server and a CDN, each an origin of its own on
 * loopback. Everything it was asked is in {@link requests}; everything that can go wrong is in {@link faults}.
 */
export class Hub implements HubState, AsyncDisposable {
  readonly requests = new RequestLog();
  readonly faults = new Faults();
  readonly tokens = new TokenIssuer();
  readonly rateLimit = new RateLimit();
  readonly userLimits = new Map<string, RateLimit>();
  readonly abuseLimit = new AbuseLimit();
  readonly signedUrls = new SignedUrls();
  readonly images: Images;
  readonly options: Required<HubOptions>;
  readonly backend: BackendClient;
  readonly #registry: RegistryBackend;
  readonly #tags = new Map<string, Digest | undefined>();
  readonly #moves: { readonly after: RequestKind; readonly tag: string; readonly digest: Digest | undefined }[] = [];
  #servers:
    | { readonly registry: StoppableServer; readonly token: StoppableServer; readonly cdn: StoppableServer }
    | undefined;

  private constructor(images: Images, registry: RegistryBackend, options: HubOptions) {
    this.images = images;
    this.options = { challenge: 'bearer', redirectBlobs: true, referrers: true, countsIndexes: true, ...options };
    this.#registry = registry;
    this.backend = new BackendClient(registry.url);
  }

  /** Serves what `images` holds now; what is added to it later is not there. */
  static async start(images: Images, options: HubOptions = {}): Promise<Hub> {
    const hub = new Hub(images, await startRegistryBackend(images), options);
    hub.#servers = {
      registry: await StoppableServer.start((req, res) => void hub.#atRegistry(req, res)),
      token: await StoppableServer.start((req, res) => void hub.#at('token', req, res, answerToken)),
      cdn: await StoppableServer.start((req, res) => {
        void hub.#at(req.method === 'HEAD' ? 'cdn-head' : 'cdn-get', req, res, answerCdn);
      }),
    };
    return hub;
  }

  /** What goes into `remoteurl`. */
  get url(): string {
    return this.#origins.registry.url;
  }

  get port(): number {
    return this.#origins.registry.port;
  }

  get tokenUrl(): string {
    return `${this.#origins.token.url}/token`;
  }

  get cdnUrl(): string {
    return this.#origins.cdn.url;
  }

  /** Body bytes of manifests and blobs that were sent, whatever became of them. */
  get contentBytes(): number {
    return this.requests.bytes('manifest-get', 'blob-get', 'cdn-get');
  }

  /** All three origins refuse connections; open ones are destroyed. */
  async stop(): Promise<void> {
    await Promise.all(Object.values(this.#origins).map((server) => server.stop()));
  }

  /** Back on the same ports. */
  async resume(): Promise<void> {
    await Promise.all(Object.values(this.#origins).map((server) => server.resume()));
  }

  /** Undefined removes the tag. */
  setTag(repository: string, tag: string, digest: Digest | undefined): void {
    this.#tags.set(`${repository}:${tag}`, digest);
  }

  /** The tag moves when the next request of that kind for it was answered. */
  moveTagAfter(after: 'manifest-head' | 'manifest-get', repository: string, tag: string, digest: Digest | undefined) {
    this.#moves.push({ after, tag: `${repository}:${tag}`, digest });
  }

  /** The bucket of the account in the token, or of the address. */
  limitOf(authorization: string | undefined): RateLimit {
    const user = this.tokens.userOf(authorization);
    return (user === undefined ? undefined : this.userLimits.get(user)) ?? this.rateLimit;
  }

  resolve(repository: string, reference: string): string | undefined {
    if (reference.includes(':')) return reference;
    const key = `${repository}:${reference}`;
    return this.#tags.has(key) ? this.#tags.get(key) : this.images.repositories.get(repository)?.tags.get(reference);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.backend.close();
    await this.#registry[Symbol.asyncDispose]();
  }

  get #origins() {
    if (this.#servers === undefined) throw new Error('the hub was not started');
    return this.#servers;
  }

  async #atRegistry(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { kind, repository, reference } = classifyRegistryRequest(req);
    const allowed = this.#allows(req.headers.authorization, repository);
    const about = { ...(repository && { repository }), ...(reference && { reference }) };
    await this.#at(allowed ? kind : 'unauthorized', req, res, answerRegistry, about);
  }

  async #at(
    kind: RequestKind,
    req: IncomingMessage,
    res: ServerResponse,
    answer: (hub: HubState, exchange: Exchange) => Promise<Answer> | Answer,
    about: Pick<Partial<LoggedRequest>, 'repository' | 'reference'> = {},
  ): Promise<void> {
    const logged = this.requests.add(logEntry(kind, req, about));
    const { repository = '', reference } = logged;
    const resolved = reference === undefined ? undefined : this.resolve(repository, reference);
    const effect = this.faults.take(logged, resolved, this.#sendsBody(kind));
    const exchange = { req, res, logged, effect };
    await respond(exchange, async () => {
      const truth = await answer(this, exchange);
      // Before it is sent: who has the answer may ask again at once.
      this.#applyMoves(logged);
      return truth;
    });
  }

  #allows(authorization: string | undefined, repository: string | undefined): boolean {
    switch (this.options.challenge) {
      case 'none':
        return true;
      case 'basic':
        return typeof this.tokens.authenticate(authorization) === 'string';
      case 'bearer':
        return this.tokens.accepts(authorization, repository);
    }
  }

  #sendsBody(kind: RequestKind): boolean {
    if (kind === 'blob-get') return !this.options.redirectBlobs;
    return kind !== 'unauthorized' && !kind.endsWith('-head');
  }

  #applyMoves({ kind, repository, reference }: LoggedRequest): void {
    const tag = `${repository}:${reference}`;
    const index = this.#moves.findIndex((move) => move.after === kind && move.tag === tag);
    const [move] = index < 0 ? [] : this.#moves.splice(index, 1);
    if (move) this.#tags.set(move.tag, move.digest);
  }
}
