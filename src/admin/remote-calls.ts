import { boundedFetch, type FetchedResponse } from '../fetch/bounded-fetch.ts';
import { ControlError, isControlFailure } from '../operations/control-error.ts';
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

/** Calls of the admin API of another process. They also throw {@link ServerUnreachableError}. */
export class RemoteCalls {
  readonly #options: RemoteControlOptions;

  constructor(options: RemoteControlOptions) {
    this.#options = options;
  }

  /** For responses that follow the fetch of an image, or the reading of one. */
  patient(): RemoteCalls {
    return new RemoteCalls({ ...this.#options, timeoutMs: this.#options.timeoutMs ?? FETCH_TIMEOUT_MS });
  }

  async call<T>(method: string, path: string, body?: object): Promise<T> {
    const parsed = parseJson(await this.read(method, path, body));
    if (parsed === undefined) throw this.#notLayover(200);
    return parsed as T;
  }

  /** The body of a response. @throws {ControlError} of the response */
  async read(method: string, path: string, body?: object): Promise<string> {
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

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
