import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';

import type {
  CacheControl,
  CacheStats,
  CollectionRequest,
  CollectionStatus,
  ContentDetails,
  EvictResult,
  ListPage,
  ListQuery,
  PinView,
  RebuildStatus,
  RefreshResult,
  ScrubStatus,
} from '../operations/cache-control.ts';
import { ControlError, isControlFailure } from '../operations/control-error.ts';
import { ADMIN_PATH, type AdminErrorBody } from './api.ts';

export interface RemoteControlOptions {
  /** `http://…`, `https://…` or `unix:<path>`. */
  readonly url: string;
  readonly token?: string | undefined;
  /** Milliseconds for one answer; a refresh may wait for an upstream. */
  readonly timeoutMs?: number;
}

/** Nobody listens there. */
export class ServerUnreachableError extends Error {
  override readonly name = 'ServerUnreachableError';
  /** Such as `ECONNREFUSED`. */
  readonly code: string;

  constructor(url: string, cause: NodeJS.ErrnoException) {
    super(`${url}: ${cause.message}`, { cause });
    this.code = cause.code ?? '';
  }
}

const TIMEOUT_MS = 60_000;

/** The cache of another process, by its admin API. Its methods also throw {@link ServerUnreachableError}. */
export class RemoteControl implements CacheControl {
  readonly #options: RemoteControlOptions;

  constructor(options: RemoteControlOptions) {
    this.#options = options;
  }

  list(query: ListQuery): Promise<ListPage> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const parameters = new URLSearchParams(given.map(([key, value]): [string, string] => [key, String(value)]));
    return this.#call('GET', `/cache?${parameters.toString()}`);
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

  evict(name: string): Promise<EvictResult> {
    return this.#call('POST', '/evict', { name });
  }

  refresh(name: string): Promise<RefreshResult> {
    return this.#call('POST', '/refresh', { name });
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

  collectionStatus(): Promise<CollectionStatus> {
    return this.#call('GET', '/collection');
  }

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const { status, answer } = await this.#send(method, `${ADMIN_PATH}${path}`, body && JSON.stringify(body));
    const parsed = parseJson(answer);
    if (status < 300 && parsed !== undefined) return parsed as T;
    const { error } = (parsed ?? {}) as Partial<AdminErrorBody>;
    if (!error)
      throw new ControlError('unavailable', `${this.#options.url} does not answer as Layover does (${status})`);
    throw new ControlError(isControlFailure(error.reason) ? error.reason : 'unavailable', error.message);
  }

  async #send(method: string, path: string, body: string | undefined): Promise<{ status: number; answer: string }> {
    const { url, token, timeoutMs = TIMEOUT_MS } = this.#options;
    const headers = {
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      ...(token !== undefined && { authorization: `Bearer ${Buffer.from(token).toString('latin1')}` }),
    };
    const options = { method, headers, signal: AbortSignal.timeout(timeoutMs) };
    const socketPath = url.startsWith('unix:') ? url.slice('unix:'.length) : undefined;
    return new Promise((resolve, reject) => {
      const base = url.replace(/\/+$/, '');
      const sent = socketPath
        ? httpRequest({ ...options, socketPath, path })
        : (base.startsWith('https:') ? httpsRequest : httpRequest)(`${base}${path}`, options);
      sent.once('error', (err: NodeJS.ErrnoException) => reject(new ServerUnreachableError(url, err)));
      sent.once('response', (response) => {
        text(response).then((answer) => resolve({ status: response.statusCode ?? 0, answer }), reject);
      });
      sent.end(body);
    });
  }
}

function parseJson(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    return undefined;
  }
}
