import type { FinishedRequest } from '../http/v2/request-events.ts';

/** The facts of a request that are kept for operators. */
export type SeenRequest = Pick<
  FinishedRequest,
  | 'address'
  | 'user'
  | 'userAgent'
  | 'namedBy'
  | 'method'
  | 'handler'
  | 'repository'
  | 'reference'
  | 'upstream'
  | 'outcome'
  | 'status'
  | 'bytes'
  | 'durationMs'
  | 'error'
  | 'aborted'
>;

/** UTF-16 units. Names of repositories and tags are shorter. */
const MAX_TEXT = 256;
/** Of all texts of a request: longer ones are copied without the rest. */
const MAX_KEPT = 1_024;

/** The request, or a copy: one with long texts would keep up to 16 KiB of memory. */
export function boundedRequest(request: FinishedRequest): SeenRequest {
  const { url, userAgent = '', user = '', error } = request;
  const length = url.length + userAgent.length + user.length + (error?.message.length ?? 0);
  return length <= MAX_KEPT ? request : shortened(request);
}

/** The facts alone, with short texts. */
export function shortened(request: SeenRequest): SeenRequest {
  const { address, user, userAgent, namedBy, method, handler, repository, reference } = request;
  const { upstream, outcome, status, bytes, durationMs, error, aborted } = request;
  return {
    address,
    user: bounded(user),
    userAgent: bounded(userAgent),
    namedBy,
    method,
    handler,
    repository: bounded(repository),
    reference: bounded(reference),
    upstream: bounded(upstream),
    outcome,
    status,
    bytes,
    durationMs,
    error: error && { ...error, message: bounded(error.message) ?? '' },
    aborted,
  };
}

/** A copy: a cut string would keep the whole one in memory. */
function bounded(text: string | undefined): string | undefined {
  if (text === undefined || text.length <= MAX_TEXT) return text;
  return Buffer.from(text.slice(0, MAX_TEXT), 'utf8').toString('utf8');
}
