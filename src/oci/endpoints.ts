import type { RegistryErrorCode } from './errors.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** What a path names, and how it is written. */
export const ENDPOINTS = {
  ping: { path: '/v2/' },
  catalog: { path: '/v2/_catalog' },
  tags: { path: '/v2/<name>/tags/list' },
  manifests: { path: '/v2/<name>/manifests/<reference>' },
  blobs: { path: '/v2/<name>/blobs/<digest>' },
  referrers: { path: '/v2/<name>/referrers/<digest>' },
  uploads: { path: '/v2/<name>/blobs/uploads/' },
  upload: { path: '/v2/<name>/blobs/uploads/<id>' },
} as const;

export type EndpointName = keyof typeof ENDPOINTS;

/** Names, each with what it means. */
type Described = Readonly<Record<string, string>>;

/** What a client can ask of an endpoint: both what is let through and what the reference of the API says. */
export interface Operation {
  readonly endpoint: EndpointName;
  readonly methods: readonly Method[];
  readonly summary: string;
  /** Ids of the distribution spec, "Endpoints"; or whose it is. */
  readonly spec: string;
  readonly query?: Described;
  readonly requestHeaders?: Described;
  readonly requestBody?: string;
  readonly answers: readonly OperationAnswer[];
  /** Beside those that every operation may end with. */
  readonly errors: readonly RegistryErrorCode[];
}

export interface OperationAnswer {
  readonly status: number;
  readonly when: string;
  /** Beside those that every answer has. */
  readonly headers?: Described;
}

/** Of {@link allowedMethods}, and so of `Allow`. */
const METHOD_ORDER = ['GET', 'HEAD', 'POST', 'OPTIONS', 'PATCH', 'PUT', 'DELETE'] as const;

/** The methods of each endpoint, by what can be asked of it; `OPTIONS` is HTTP's own. */
export function allowedMethods(operations: readonly Operation[]): Readonly<Record<EndpointName, readonly string[]>> {
  const methodsOf = (name: EndpointName): readonly string[] => {
    const known = new Set<string>(operations.flatMap(({ endpoint, methods }) => (endpoint === name ? methods : [])));
    return METHOD_ORDER.filter((method) => method === 'OPTIONS' || known.has(method));
  };
  const entries = (Object.keys(ENDPOINTS) as EndpointName[]).map((name) => [name, methodsOf(name)] as const);
  return Object.fromEntries(entries) as Record<EndpointName, readonly string[]>;
}
