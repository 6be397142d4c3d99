import type { AdminErrorBody } from '../../../admin/api.ts';
import { texts } from '../texts.ts';
import { API_ROOT } from './place.ts';

type Reason = AdminErrorBody['error']['reason'] | 'unreachable';

/** A failure of the admin API, or without a response of it. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly reason: Reason;

  constructor(reason: Reason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: object;
  readonly signal?: AbortSignal | undefined;
}

/** Called when the session has ended. */
let onDenied = () => {};

export function whenDenied(handle: () => void): void {
  onDenied = handle;
}

/** @param path below the admin API, such as `/status` @throws {CallError} */
export async function call<T>(path: string, { method = 'GET', body, signal }: CallOptions = {}): Promise<T> {
  const isRead = method === 'GET';
  const response = await fetch(`${API_ROOT}${path}`, {
    method,
    signal: signal ?? null,
    headers: isRead ? {} : { 'content-type': 'application/json' },
    body: isRead ? null : JSON.stringify(body ?? {}),
  }).catch((error: unknown) => {
    throw signal?.aborted ? error : new CallError('unreachable', texts.errors.unreachable);
  });
  const result = (await response.json().catch(() => undefined)) as (T & Partial<AdminErrorBody>) | undefined;
  if (response.ok && result !== undefined) return result;
  const { reason = 'unreachable', message = texts.errors.notLayover(response.status) } = result?.error ?? {};
  if (response.status === 401) onDenied();
  throw new CallError(reason, message);
}

/** @param parameters those without a value are left out */
export function withQuery(
  path: string,
  parameters: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(given.map(([key, value]): [string, string] => [key, String(value)])).toString();
  return text === '' ? path : `${path}?${text}`;
}
