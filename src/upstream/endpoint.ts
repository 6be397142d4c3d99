import type { Readable } from 'node:stream';

import type { Clock } from '../clock/clock.ts';
import { isOfRegistry, responseError } from './response-error.ts';
import { type Account, type Accounts, orDrain } from './accounts.ts';
import type { CallScope } from './call-scope.ts';
import type { Destinations, Reach } from './destinations.ts';
import { nextHop } from './redirect.ts';
import type { RetryPolicy } from '../retry/retry-delay.ts';
import { INTERACTIVE_RETRIES, retryRequest } from './retry-request.ts';
import type { StrangerTokens } from './stranger-tokens.ts';
import { type ExchangeResponse, type ExchangeRequest, headerText, type Transport } from './transport.ts';
import { UpstreamError, type UpstreamEvents, type UpstreamOperation, type WriteAccess } from './upstream.ts';

export interface EndpointOptions {
  readonly upstream: string;
  /** May have a path, which goes before `/v2/`. */
  readonly base: URL;
  /** Mirrors are tried before the registry itself, whose response is the final one. */
  readonly isMirror: boolean;
  readonly knowsTags: boolean;
  readonly transport: Transport;
  readonly accounts: Accounts;
  readonly strangers: StrangerTokens;
  readonly destinations: Destinations;
  readonly events: UpstreamEvents;
  readonly clock: Clock;
  readonly random: () => number;
  /** Called with every response of the registry itself to a manifest request. */
  readonly onManifestResponse: (response: ExchangeResponse, account: Account) => void;
}

export interface EndpointRequest {
  readonly method: 'GET' | 'HEAD';
  /** Absent for requests without a repository, such as `_catalog`. */
  readonly repository: string | undefined;
  /** What follows the repository, with its query, such as `tags/list?n=10`. */
  readonly path: string;
  readonly operation: Exclude<UpstreamOperation, 'token' | 'redirect' | 'ping'>;
  readonly headers: Readonly<Record<string, string>>;
  readonly judgesBody?: boolean;
}

/** A request that changes content. It is not retried here: only the caller knows what the last one did. */
export interface EndpointWrite {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly url: URL;
  readonly operation: 'push' | 'delete';
  /** Key under which credentials are remembered: the scopes differ from those of reading the same repository. */
  readonly purpose: string;
  /** Of a token, for a challenge without a scope. */
  readonly scopes: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Called once for each time that the body is sent: a second time when the registry wants credentials first. */
  readonly body?: () => Uint8Array | Readable;
  /** Milliseconds. */
  readonly headersMs?: number;
}

export interface EndpointResponse extends ExchangeResponse {
  /** It is from a redirect target of another origin. */
  readonly isForeign: boolean;
}

interface Admission {
  readonly account: Account;
  /** The header that was accepted before. */
  readonly known: string | undefined;
  /** Key under which credentials are remembered. */
  readonly repository: string;
  readonly defaultScopes: string;
}

interface Sender {
  readonly account: Account;
  readonly retry: number;
}

interface Hop extends Sender {
  readonly request: EndpointRequest;
  readonly url: URL;
  readonly isForeign: boolean;
  readonly authorization: string | undefined;
  readonly hop: number;
}

const MAX_REDIRECTS = 5;
const NO_RETRIES: RetryPolicy = { ...INTERACTIVE_RETRIES, maxRetries: 0 };

/** One base URL of an upstream: authorization, redirects and retries. The meaning of requests is in the `*-requests.ts` files. */
export class Endpoint {
  readonly #options: EndpointOptions;

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  get upstream(): string {
    return this.#options.upstream;
  }

  get base(): URL {
    return this.#options.base;
  }

  get destinations(): Destinations {
    return this.#options.destinations;
  }

  get accounts(): Accounts {
    return this.#options.accounts;
  }

  get isMirror(): boolean {
    return this.#options.isMirror;
  }

  /** A mirror may have tags that moved meanwhile. */
  get knowsTags(): boolean {
    return this.#options.knowsTags;
  }

  /**
   * Sends a request, and passes every response, of any status, to `consume`; an error from there may lead to a retry.
   *
   * @throws {UpstreamError} and what `consume` throws
   */
  call<T>(request: EndpointRequest, scope: CallScope, consume: (response: EndpointResponse) => Promise<T>): Promise<T> {
    const { upstream, events, clock, random, isMirror } = this.#options;
    const onRetry = (reason: string, delayMs: number) =>
      events.retried({ upstream, operation: request.operation, reason, delayMs });
    // After a mirror, the next URL is the second attempt.
    const policy = isMirror ? NO_RETRIES : INTERACTIVE_RETRIES;
    return retryRequest({ policy, scope, clock, random, onRetry }, async (retry) => {
      const response = await this.#request(request, retry, scope);
      try {
        return await consume(response);
      } catch (err) {
        response.permit.release();
        throw err;
      }
    });
  }

  /**
   * Sends once, without following redirects. A URL of another origin, as some registries use for uploads, gets no credentials.
   *
   * @throws {UpstreamError} when there is no response
   */
  async write(request: EndpointWrite, scope: CallScope): Promise<EndpointResponse> {
    const { purpose, url, scopes } = request;
    const account = this.accounts.of(repositoryOf(scopes));
    const isForeign = url.origin !== this.base.origin;
    const send = async (authorization: string | undefined) => ({
      ...(await this.#send(request, authorization, scope)),
      isForeign,
    });
    if (isForeign) return send(undefined);
    const known = await account.authorizer.recall(purpose, scope);
    return this.#admitted(send, { account, known, repository: purpose, defaultScopes: scopes }, scope);
  }

  /**
   * Gets authorization to write before anything is sent: a streamed body can be sent only once.
   *
   * @throws {UpstreamError}
   */
  async authorizeWrite(
    repository: string,
    { from, deletes, refused }: WriteAccess,
    scope: CallScope,
  ): Promise<string | undefined> {
    const { authorizer } = this.accounts.of(repository);
    const mounted = from === undefined ? '' : ` repository:${from}:pull`;
    const scopes = `repository:${repository}:${deletes ? 'delete,' : ''}pull,push${mounted}`;
    const purpose = `write ${scopes}`;
    if (refused?.startsWith('Basic ')) return authorizer.renew(purpose, refused, scope);
    const known = refused === undefined ? await authorizer.recall(purpose, scope) : undefined;
    if (known !== undefined) return known;
    const response = await this.sendWithoutLogin('', scope);
    const header = headerText(response.headers, 'www-authenticate');
    if (response.status !== 401 || header === undefined) return undefined;
    return authorizer.respond(header, { repository: purpose, refused, scopes }, scope);
  }

  /** @throws {UpstreamError} when it is unreachable, or returns a 5xx */
  async ping(scope: CallScope): Promise<void> {
    await this.#ping(scope);
  }

  /** @throws {UpstreamError} when it is unreachable, or does not respond as a registry */
  async probe(scope: CallScope): Promise<void> {
    const response = await this.#ping(scope);
    if (isRegistryPing(response)) return;
    const { status, url } = response;
    throw this.protocolError(`${url.host} returned ${status} for /v2/, unlike a registry; check remoteurl`, status);
  }

  /** One request below `/v2/`, without credentials and redirects, for its headers. @throws {UpstreamError} when it is unreachable */
  async sendWithoutLogin(path: string, scope: CallScope): Promise<ExchangeResponse> {
    const url = this.url(undefined, path);
    const method = path === '' ? 'GET' : 'HEAD';
    const response = await this.#options.transport.exchange(
      { url, method, operation: 'ping', headers: {}, retry: 0 },
      scope,
    );
    response.body.drain();
    return response;
  }

  async #ping(scope: CallScope): Promise<ExchangeResponse> {
    const { upstream } = this.#options;
    const response = await this.sendWithoutLogin('', scope);
    const { status } = response;
    if (status >= 500) throw new UpstreamError('server', `${upstream} returned ${status}`, { upstream, status });
    return response;
  }

  /** @param repository undefined for requests without one */
  url(repository: string | undefined, path: string): URL {
    const prefix = this.base.pathname.replace(/\/+$/, '');
    const scope = repository === undefined ? '' : `${repository}/`;
    return new URL(`${prefix}/v2/${scope}${path}`, this.base.origin);
  }

  /** The error that a response stands for. Consumes its body. */
  failure(response: EndpointResponse, scope: CallScope): Promise<UpstreamError> {
    const { upstream, clock } = this.#options;
    const from = response.isForeign ? 'redirect target' : 'registry';
    return responseError(response, { upstream, scope, now: clock.now(), from });
  }

  protocolError(message: string, status?: number): UpstreamError {
    const { upstream } = this.#options;
    return new UpstreamError('protocol', `${upstream}: ${message}`, { upstream, ...(status && { status }) });
  }

  async #request(request: EndpointRequest, retry: number, scope: CallScope): Promise<EndpointResponse> {
    const response = await this.#byAccount(request, retry, scope);
    // A signature can expire between the registry's response and the next request; a new request gets a new signature.
    const mayBeExpired = response.isForeign && request.method === 'GET' && [401, 403, 404].includes(response.status);
    if (!mayBeExpired) return response;
    response.body.drain();
    return this.#byAccount(request, retry, scope);
  }

  /** The header of a client is sent once, and not replaced. A `GET` is a pull, and is made when one is left; responses to `HEAD` show how many are. */
  #byAccount(request: EndpointRequest, retry: number, scope: CallScope): Promise<EndpointResponse> {
    const { repository, operation, method } = request;
    const { authorization } = scope;
    if (authorization !== undefined) {
      const account = this.accounts.of(repository, '');
      return this.#follow(request, { account, retry, authorization }, scope);
    }
    const send = (account: Account) => this.#authorized(request, { account, retry }, scope);
    if (operation === 'manifest' && method === 'GET' && repository !== undefined)
      return this.accounts.pull(repository, scope, send);
    const account = this.accounts.ofCall(repository, scope);
    return operation === 'manifest' ? this.accounts.noted(account, () => send(account)) : send(account);
  }

  async #authorized(request: EndpointRequest, sender: Sender, scope: CallScope): Promise<EndpointResponse> {
    const { repository } = request;
    const { account } = sender;
    const known = await account.authorizer.recall(repository ?? '', scope);
    const defaultScopes = repository === undefined ? 'registry:catalog:*' : `repository:${repository}:pull`;
    const send = (authorization: string | undefined) => this.#follow(request, { authorization, ...sender }, scope);
    return this.#admitted(send, { account, known, repository: repository ?? '', defaultScopes }, scope);
  }

  /** Sends; responds to a challenge; and sends once more when a helper has other credentials than the refused ones. */
  async #admitted(
    send: (authorization: string | undefined) => Promise<EndpointResponse>,
    { account, known, repository, defaultScopes }: Admission,
    scope: CallScope,
  ): Promise<EndpointResponse> {
    const { authorizer } = account;
    const response = await send(known);
    if (response.isForeign || !isRefusal(response))
      return known?.startsWith('Basic ') ? loggedIn(account, response) : response;
    const header = headerText(response.headers, 'www-authenticate');
    const refusal = { repository, refused: known, defaultScopes };
    const met =
      response.status === 401 ? await orDrain(response, authorizer.respond(header, refusal, scope)) : undefined;
    if (met !== undefined) response.body.drain();
    const second = met === undefined ? response : await send(met);
    const shown = met ?? known;
    if (!shown?.startsWith('Basic ')) return second;
    if (second.isForeign || !isRefusal(second)) return loggedIn(account, second);
    const renewed = await orDrain(second, authorizer.renew(repository, shown, scope));
    if (renewed === undefined) return loggedIn(account, second);
    second.body.drain();
    const third = await send(renewed);
    if (!isRefusal(third)) authorizer.renewalWorked(repository);
    return loggedIn(account, third);
  }

  async #follow(
    request: EndpointRequest,
    { authorization, ...sender }: Sender & { readonly authorization: string | undefined },
    scope: CallScope,
  ): Promise<EndpointResponse> {
    const { strangers, destinations } = this.#options;
    let [url, isForeign, shown] = [this.url(request.repository, request.path), false, authorization];
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await this.#hop({ ...sender, request, url, isForeign, authorization: shown, hop }, scope);
      const next = nextHop(response, { upstream: this.upstream, base: this.base });
      if (next) {
        url = next;
        // Once it has left the registry's origin it stays foreign, even when it is redirected back.
        isForeign ||= next.origin !== this.base.origin;
        if (isForeign) shown = undefined;
      } else {
        if (!isForeign || response.status !== 401 || shown !== undefined) return { ...response, isForeign };
        const header = headerText(response.headers, 'www-authenticate');
        shown = await orDrain(response, strangers.respond(header, url, scope));
        if (shown === undefined) return { ...response, isForeign };
      }
      response.body.drain();
      if (isForeign) destinations.check(url, reachOf(request));
    }
    throw this.protocolError(`more than ${MAX_REDIRECTS} redirects, the last one to ${url.host}`);
  }

  async #hop(
    { request, account, url, isForeign, authorization, hop, retry }: Hop,
    scope: CallScope,
  ): Promise<ExchangeResponse> {
    const { transport, destinations, onManifestResponse } = this.#options;
    const headers = authorization === undefined ? request.headers : { ...request.headers, authorization };
    const operation = hop === 0 ? request.operation : 'redirect';
    const connections = isForeign ? destinations.connections(reachOf(request)) : undefined;
    const response = await transport.exchange(
      { ...exchangeOf(request), url, headers, operation, retry, connections },
      scope,
    );
    const isOfAccount = !isForeign && scope.authorization === undefined;
    if (isOfAccount && request.operation === 'manifest') onManifestResponse(response, account);
    return response;
  }

  async #send(request: EndpointWrite, authorization: string | undefined, scope: CallScope): Promise<ExchangeResponse> {
    const { url, method, operation, headers, body, headersMs } = request;
    const { transport, destinations } = this.#options;
    const isForeign = url.origin !== this.base.origin;
    if (isForeign) destinations.check(url, 'no-further');
    return transport.exchange(
      {
        url,
        method,
        connections: isForeign ? destinations.connections('no-further') : undefined,
        operation,
        headers: authorization === undefined ? headers : { ...headers, authorization },
        retry: 0,
        ...(body && { body: body() }),
        ...(headersMs !== undefined && { headersMs }),
      },
      scope,
    );
  }
}

/** @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#determining-support */
function isRegistryPing(response: ExchangeResponse): boolean {
  const { status, headers } = response;
  if (status === 401) return isOfRegistry(response) || headers['www-authenticate'] !== undefined;
  return status === 200 && (isOfRegistry(response) || headerText(headers, 'content-length') === '0');
}

function exchangeOf({ method, judgesBody }: EndpointRequest): Pick<ExchangeRequest, 'method' | 'judgesBody'> {
  return { method, ...(judgesBody && { judgesBody }) };
}

/** The bytes of blobs are verified, whatever their origin. */
function reachOf({ operation }: EndpointRequest): Reach {
  return operation === 'blob' ? 'into-private' : 'no-further';
}

/** Notes whether credentials without a token server were accepted. */
function loggedIn({ logins }: Account, response: EndpointResponse): EndpointResponse {
  if (response.status === 401) logins.refusedForNow();
  else if (logins.trouble) logins.succeeded();
  return response;
}

/** Of the scopes of a write. */
function repositoryOf(scopes: string): string | undefined {
  return /^repository:(.+?):[^:]*(?: |$)/.exec(scopes)?.[1];
}

function isRefusal({ status }: ExchangeResponse): boolean {
  return status === 401 || status === 403;
}
