import { createHmac, randomBytes } from 'node:crypto';

import type {
  ActivityControl,
  ClientDetail,
  ClientList,
  ClientView,
  RequestPage,
  RequestQuery,
  RequestView,
} from '../operations/activity-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { Activity, Seen } from './activity.ts';
import type { SeenRequest } from './seen-request.ts';
import type { ClientCounts } from './top-clients.ts';

/** With the longest texts, so many are less than 1 MiB. */
const MAX_LIMIT = 500;
const DEFAULT_LIMIT = 100;

/** What the clients of this process did. */
export class LocalActivity implements ActivityControl {
  readonly #activity: Activity;
  readonly #detail: ClientDetail;
  /** Of this process: hashes of addresses that are the same everywhere could be looked up. */
  readonly #key = randomBytes(32);

  constructor(activity: Activity, detail: ClientDetail) {
    this.#activity = activity;
    this.#detail = detail;
  }

  async requests({ client, only, limit = DEFAULT_LIMIT, cursor }: RequestQuery): Promise<RequestPage> {
    const wanted = Math.min(limit, MAX_LIMIT);
    const found: Seen[] = [];
    for (const seen of this.#activity.newest(cursor === undefined ? undefined : placeOf(cursor))) {
      if (only === 'failed' && !hasFailed(seen.request)) continue;
      if (client !== undefined && this.#clientOf(seen.request) !== client) continue;
      if (found.push({ ...seen }) > wanted) break;
    }
    const page = found.slice(0, wanted);
    return {
      requests: page.map((seen) => this.#request(seen)),
      cursor: found.length > wanted ? String(page.at(-1)?.id) : undefined,
    };
  }

  async clients(): Promise<ClientList> {
    const detail = this.#detail;
    const clients = detail === 'off' ? [] : this.#activity.topClients().map((counts) => this.#client(counts));
    return { clients, detail };
  }

  #request({ at, request }: Seen): RequestView {
    const { userAgent, namedBy, method, handler, repository, reference, upstream, outcome } = request;
    const { status, bytes, durationMs, error, aborted } = request;
    return {
      at: timeOf(at),
      client: this.#clientOf(request),
      agent: this.#detail === 'off' ? undefined : userAgent,
      namedBy,
      method,
      endpoint: handler,
      repository,
      reference,
      upstream,
      outcome: outcome?.toLowerCase(),
      status,
      bytes,
      durationMs: Math.round(durationMs),
      error: error && { code: error.code, message: error.message },
      aborted,
    };
  }

  #client({ firstAt, lastAt, client, ...counts }: ClientCounts): ClientView {
    return { client: this.#shown(client), ...counts, firstAt: timeOf(firstAt), lastAt: timeOf(lastAt) };
  }

  #clientOf({ user, address }: SeenRequest): string | undefined {
    const client = user || address;
    return client === undefined || this.#detail === 'off' ? undefined : this.#shown(client);
  }

  #shown(client: string): string {
    if (this.#detail === 'full') return client;
    return createHmac('sha256', this.#key).update(client).digest('hex').slice(0, 16);
  }
}

function hasFailed({ status, aborted }: SeenRequest): boolean {
  return status >= 400 || aborted;
}

function timeOf(unixMs: number): string {
  return new Date(unixMs).toISOString();
}

/** @throws {ControlError} `invalid` */
function placeOf(cursor: string): number {
  if (!/^\d{1,15}$/.test(cursor)) throw new ControlError('invalid', 'not a cursor of this list');
  return Number(cursor);
}
