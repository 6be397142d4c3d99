import type { RegistryErrorCode } from './errors.ts';

/** HTTP methods of the distribution API, without `OPTIONS`. */
export type Method = 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/**
 * The endpoints of the distribution API with their paths.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
 */
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

/** A key of {@link ENDPOINTS}. */
export type EndpointName = keyof typeof ENDPOINTS;

/** Descriptions by the name of a header or query parameter. */
type Descriptions = Readonly<Record<string, string>>;

/** One operation of an endpoint. The dispatcher accepts only described ones, and the API reference is generated from them. */
export interface Operation {
  readonly endpoint: EndpointName;
  readonly methods: readonly Method[];
  readonly summary: string;
  /** Ids in the table "Endpoints" of the distribution spec; for an operation outside it, the registry that defines it. */
  readonly spec: string;
  readonly query?: Descriptions;
  readonly requestHeaders?: Descriptions;
  readonly requestBody?: string;
  readonly responses: readonly OperationResponse[];
  /** In addition to the errors that are possible for every operation. */
  readonly errors: readonly RegistryErrorCode[];
}

/** A response of an {@link Operation} that is not an error. */
export interface OperationResponse {
  readonly status: number;
  readonly when: string;
  /** In addition to the headers of every response. */
  readonly headers?: Descriptions;
}

/** Order of the `Allow` header. */
const METHOD_ORDER = ['GET', 'HEAD', 'POST', 'OPTIONS', 'PATCH', 'PUT', 'DELETE'] as const;

/** The methods that each endpoint supports: those of its operations, and `OPTIONS`. */
export function allowedMethods(operations: readonly Operation[]): Readonly<Record<EndpointName, readonly string[]>> {
  const methodsOf = (name: EndpointName): readonly string[] => {
    const known = new Set<string>(operations.flatMap(({ endpoint, methods }) => (endpoint === name ? methods : [])));
    return METHOD_ORDER.filter((method) => method === 'OPTIONS' || known.has(method));
  };
  const entries = (Object.keys(ENDPOINTS) as EndpointName[]).map((name) => [name, methodsOf(name)] as const);
  return Object.fromEntries(entries) as Record<EndpointName, readonly string[]>;
}
