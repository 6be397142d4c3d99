import { ADMIN_PATH } from '../../src/admin/api.ts';
import { boundedFetch } from '../../src/fetch/bounded-fetch.ts';
import type { Layover } from '../support/layover.ts';

/** No response of the admin API is larger. */
const MAX_BYTES = 1024 * 1024;

export interface AdminResponse<T> {
  readonly status: number;
  readonly body: T;
}

/** Sends a request to the socket of a running server. */
export async function adminCall<T = Record<string, unknown>>(
  layover: Pick<Layover, 'dataDirectory'>,
  path: string,
  { method = 'GET', body }: { readonly method?: string; readonly body?: object } = {},
): Promise<AdminResponse<T>> {
  const response = await boundedFetch(`http://localhost${ADMIN_PATH}${path}`, {
    method,
    headers: method === 'GET' ? {} : { 'content-type': 'application/json' },
    body: method === 'GET' ? undefined : JSON.stringify(body ?? {}),
    socketPath: `${layover.dataDirectory}/layover/admin.sock`,
    timeoutMs: 30_000,
    maxBytes: MAX_BYTES,
  });
  return { status: response.status, body: JSON.parse(response.body.toString()) as T };
}

/** The body of a response that is not an error. */
export async function adminGet<T>(layover: Pick<Layover, 'dataDirectory'>, path: string): Promise<T> {
  const { status, body } = await adminCall<T>(layover, path);
  if (status !== 200) throw new Error(`${path}: status ${status}: ${JSON.stringify(body)}`);
  return body;
}
