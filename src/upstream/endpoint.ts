import type { Readable } from 'node:stream';

import { answerError } from './answer-error.ts';
import type { Authorizer } from './authorizer.ts';
import type { CallScope } from './call-scope.ts';
import type { Destinations } from './destinations.ts';
import { nextHop } from './redirect.ts';
import { INTERACTIVE_RETRIES, type RetryPolicy } from './retry.ts';
import { retrying } from './retrying.ts';
import { type Answer, drain, type ExchangeRequest, headerText, type Transport } from './transport.ts';
import { UpstreamError, type UpstreamEvents, type UpstreamOperation, type WriteAccess } from './upstream.ts';

export interface EndpointOptions {
  readonly upstream: string;
  /** May have a path, which goes before `/v2/`. */
  readonly base: URL;
  /** Mirrors are tried before the registry itself, whose answer is the one that counts. */
  readonly isMirror: boolean;
  readonly transport: Transport;
  readonly authorizer: Authorizer;
  readonly destinations: Destinations;
  readonly events: UpstreamEvents;
  readonly now: () => number;
  readonly random: () => number;
  /** Hears every answer the registry itself gives to a manifest request. */
  readonly onManifestAnswer: (answer: Answer) => void;
}

export interface EndpointRequest {
  readonly method: 'GET' | 'HEAD';
  /** Undefined for what belongs to none, such as `_catalog`. */
  readonly repository: string | undefined;
  /** What follows the repository, with its query, such as `tags/list?n=10`. */
  readonly path: string;
  readonly operation: Exclude<UpstreamOperation, 'token' | 'redirect' | 'ping'>;
  readonly headers: Readonly<Record<string, string>>;
  readonly judgesBody?: boolean;
}

/** A request that changes something. Nobody repeats it but the one who knows what the last one did. */
export interface EndpointWrite {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly url: URL;
  /** What credentials are remembered under: other scopes than those of reading the same repository. */
  readonly purpose: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Called once for each time that the body is sent: a second time when the registry wants credentials first. */
  readonly body?: () => Uint8Array | Readable;
  /** Milliseconds. */
  readonly headersMs?: number;
}

export interface EndpointAnswer extends Answer {
  /** It came from a redirect target of another origin. */
  readonly isForeign: boolean;
}

const MAX_REDIRECTS = 5;
const NO_RETRIES: RetryPolicy = { ...INTERACTIVE_RETRIES, maxRetries: 0 };

/** One base URL of an upstream. Knows how to be let in, follow redirects and try again; not what is asked for. */
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

  get isMirror(): boolean {
    return this.#options.isMirror;
  }

  /**
   * Asks, and hands every answer, of whatever status, to `consume`; an error from there may lead to another try.
   *
   * @throws {UpstreamError} and what `consume` throws
   */
  call<T>(request: EndpointRequest, scope: CallScope, consume: (answer: EndpointAnswer) => Promise<T>): Promise<T> {
    const { upstream, events, random, isMirror } = this.#options;
    const onRetry = (reason: string, delayMs: number) =>
      events.retried({ upstream, operation: request.operation, reason, delayMs });
    // Behind a mirror the next URL is the second try.
    const policy = isMirror ? NO_RETRIES : INTERACTIVE_RETRIES;
    return retrying({ policy, scope, random, onRetry }, async (retry) => {
      const answer = await this.#ask(request, retry, scope);
      try {
        return await consume(answer);
      } catch (err) {
        answer.permit.release();
        throw err;
      }
    });
  }

  /**
   * Sends once, and no redirect is followed. A URL of another origin, as some registries hand out for uploads, gets no credentials.
   *
   * @throws {UpstreamError} when there is no answer
   */
  async write(request: EndpointWrite, scope: CallScope): Promise<EndpointAnswer> {
    const { authorizer } = this.#options;
    const { purpose, url } = request;
    const isForeign = url.origin !== this.base.origin;
    const refused = isForeign ? undefined : await authorizer.recall(purpose, scope);
    const answer = { ...(await this.#send(request, refused, scope)), isForeign };
    if (answer.status !== 401 || isForeign) return answer;
    const header = headerText(answer.headers, 'www-authenticate');
    const authorization = await authorizer
      .respond(header, { repository: purpose, refused }, scope)
      .catch((err: unknown) => {
        drain(answer.body);
        throw err;
      });
    if (authorization === undefined) return answer;
    drain(answer.body);
    return { ...(await this.#send(request, authorization, scope)), isForeign };
  }

  /**
   * Asks for leave to write before anything is sent: a body that somebody streams can be sent only once.
   *
   * @throws {UpstreamError}
   */
  async authorizeWrite(
    repository: string,
    { from, deletes, refused }: WriteAccess,
    scope: CallScope,
  ): Promise<string | undefined> {
    const { authorizer, transport } = this.#options;
    const mounted = from === undefined ? '' : ` repository:${from}:pull`;
    const scopes = `repository:${repository}:${deletes ? 'delete,' : ''}pull,push${mounted}`;
    const purpose = `write ${scopes}`;
    const known = refused === undefined ? await authorizer.recall(purpose, scope) : undefined;
    if (known !== undefined) return known;
    const url = this.url(undefined, '');
    const answer = await transport.exchange({ url, method: 'GET', operation: 'ping', headers: {}, retry: 0 }, scope);
    drain(answer.body);
    const header = headerText(answer.headers, 'www-authenticate');
    if (answer.status !== 401 || header === undefined) return undefined;
    return authorizer.respond(header, { repository: purpose, refused, scopes }, scope);
  }

  /** @throws {UpstreamError} when it cannot be asked, or says that it is broken */
  async ping(scope: CallScope): Promise<void> {
    const { transport, upstream } = this.#options;
    const url = this.url(undefined, '');
    const answer = await transport.exchange({ url, method: 'GET', operation: 'ping', headers: {}, retry: 0 }, scope);
    drain(answer.body);
    if (answer.status < 500) return;
    throw new UpstreamError('server', `${upstream} answered ${answer.status}`, { upstream, status: answer.status });
  }

  /** @param repository undefined for what belongs to none */
  url(repository: string | undefined, path: string): URL {
    const prefix = this.base.pathname.replace(/\/+$/, '');
    const scope = repository === undefined ? '' : `${repository}/`;
    return new URL(`${prefix}/v2/${scope}${path}`, this.base.origin);
  }

  /** The error an answer stands for. Uses up its body. */
  failure(answer: EndpointAnswer, scope: CallScope): Promise<UpstreamError> {
    const { upstream, now } = this.#options;
    const from = answer.isForeign ? 'redirect target' : 'registry';
    return answerError(answer, { upstream, scope, now: now(), from });
  }

  protocolError(message: string, status?: number): UpstreamError {
    const { upstream } = this.#options;
    return new UpstreamError('protocol', `${upstream}: ${message}`, { upstream, ...(status && { status }) });
  }

  async #ask(request: EndpointRequest, retry: number, scope: CallScope): Promise<EndpointAnswer> {
    const answer = await this.#authorized(request, retry, scope);
    // A signature can expire between the registry's answer and ours; asked again, the registry signs again.
    const mayBeExpired = answer.isForeign && request.method === 'GET' && [401, 403, 404].includes(answer.status);
    if (!mayBeExpired) return answer;
    drain(answer.body);
    return this.#authorized(request, retry, scope);
  }

  async #authorized(request: EndpointRequest, retry: number, scope: CallScope): Promise<EndpointAnswer> {
    const { authorizer } = this.#options;
    const repository = request.repository ?? '';
    const refused = await authorizer.recall(repository, scope);
    const answer = await this.#follow(request, { authorization: refused, retry }, scope);
    if (answer.status !== 401 || answer.isForeign) return answer;
    const header = headerText(answer.headers, 'www-authenticate');
    const authorization = await authorizer.respond(header, { repository, refused }, scope).catch((err: unknown) => {
      drain(answer.body);
      throw err;
    });
    if (authorization === undefined) return answer;
    drain(answer.body);
    return this.#follow(request, { authorization, retry }, scope);
  }

  async #follow(
    request: EndpointRequest,
    { authorization, retry }: { readonly authorization: string | undefined; readonly retry: number },
    scope: CallScope,
  ): Promise<EndpointAnswer> {
    const { transport, destinations } = this.#options;
    const purpose = request.operation === 'blob' ? 'blob' : 'other';
    let url = this.url(request.repository, request.path);
    let isForeign = false;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const headers =
        authorization === undefined || isForeign ? request.headers : { ...request.headers, authorization };
      const operation = hop === 0 ? request.operation : 'redirect';
      const dispatcher = isForeign ? destinations.dispatcher(purpose) : undefined;
      const answer = await transport.exchange(
        { ...exchangeOf(request), url, headers, operation, retry, dispatcher },
        scope,
      );
      if (!isForeign && request.operation === 'manifest') this.#options.onManifestAnswer(answer);
      const next = nextHop(answer, { upstream: this.upstream, base: this.base });
      if (!next) return { ...answer, isForeign };
      drain(answer.body);
      url = next;
      // Once it has left the registry's origin it stays a stranger, even when it is led back.
      isForeign ||= next.origin !== this.base.origin;
      if (isForeign) destinations.check(next, purpose);
    }
    throw this.protocolError(`more than ${MAX_REDIRECTS} redirects, the last one to ${url.host}`);
  }

  async #send(request: EndpointWrite, authorization: string | undefined, scope: CallScope): Promise<Answer> {
    const { url, method, headers, body, headersMs } = request;
    const { transport, destinations } = this.#options;
    const isForeign = url.origin !== this.base.origin;
    if (isForeign) destinations.check(url, 'other');
    return transport.exchange(
      {
        url,
        method,
        dispatcher: isForeign ? destinations.dispatcher('other') : undefined,
        operation: 'push',
        headers: authorization === undefined ? headers : { ...headers, authorization },
        retry: 0,
        ...(body && { body: body() }),
        ...(headersMs !== undefined && { headersMs }),
      },
      scope,
    );
  }
}

function exchangeOf({ method, judgesBody }: EndpointRequest): Pick<ExchangeRequest, 'method' | 'judgesBody'> {
  return { method, ...(judgesBody && { judgesBody }) };
}
