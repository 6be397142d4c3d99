import type { NamedBy } from '../registry/named-by.ts';

/** What clients did lately: the same interface in the process and over the admin API. */
export interface ActivityControl {
  requests(query: RequestQuery): Promise<RequestPage>;
  clients(): Promise<ClientList>;
}

export interface RequestQuery {
  /** Requests of this client alone: its name or address, as in a list. */
  readonly client?: string | undefined;
  /** `failed`: with a status of 400 or more, or cut off. */
  readonly only?: RequestFilter | undefined;
  readonly limit?: number | undefined;
  /** Cursor from the previous page. */
  readonly cursor?: string | undefined;
}

export const REQUEST_FILTERS = ['failed'] as const;
export type RequestFilter = (typeof REQUEST_FILTERS)[number];

export interface RequestPage {
  /** The newest first. */
  readonly requests: readonly RequestView[];
  /** Absent on the last page. */
  readonly cursor?: string | undefined;
}

export interface RequestView {
  /** RFC 3339. */
  readonly at: string;
  /** Name or address. Absent on a unix socket, and when clients are not kept. */
  readonly client?: string | undefined;
  readonly agent?: string | undefined;
  /** Absent for hosted names, and requests without a name. */
  readonly namedBy?: NamedBy | undefined;
  readonly method: string;
  /** `manifest`, `blob`, `ping` and other endpoints. */
  readonly endpoint: string;
  /** As the client named it. */
  readonly repository?: string | undefined;
  readonly reference?: string | undefined;
  readonly upstream?: string | undefined;
  /** What the cache did, as in `X-Cache`. */
  readonly outcome?: string | undefined;
  readonly status: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
  /** The client or the server ended it early. */
  readonly aborted: boolean;
}

export interface ClientList {
  /** Those with the most requests first, since the process started; 200 at most. */
  readonly clients: readonly ClientView[];
  /** `off`: clients are not kept. */
  readonly detail: ClientDetail;
}

/** `hashed`: clients can be distinguished, but not identified. */
export const CLIENT_DETAILS = ['full', 'hashed', 'off'] as const;
export type ClientDetail = (typeof CLIENT_DETAILS)[number];

export interface ClientView {
  /** Name of a client that logged in, else its address. */
  readonly client: string;
  readonly isUser: boolean;
  /** Of its last request. */
  readonly agent?: string | undefined;
  /** How often it named the registry in each form. */
  readonly namedBy: Readonly<Partial<Record<NamedBy, number>>>;
  /** At most so many too much is {@link overcount}: a client that came late takes the place of one with few requests. */
  readonly requests: number;
  readonly overcount: number;
  /** `GET /v2/`: clients that send nothing else do not use the cache. */
  readonly pings: number;
  /** Manifests and blobs that were sent. */
  readonly pulls: number;
  /** Of these, served without an upstream. */
  readonly hits: number;
  readonly errors: number;
  readonly bytes: number;
  readonly firstAt: string;
  readonly lastAt: string;
}
