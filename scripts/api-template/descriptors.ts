import { ENDPOINTS, type EndpointName, type Operation, type OperationResponse } from '../../src/oci/endpoints.ts';
import { ERROR_CODES, type RegistryErrorCode } from '../../src/oci/errors.ts';
import { OPERATIONS } from '../../src/oci/request.ts';
import { statusText } from './status-text.ts';

const ENTITIES: Readonly<Record<EndpointName, string>> = {
  ping: 'Base',
  catalog: 'Catalog',
  tags: 'Tags',
  manifests: 'Manifest',
  blobs: 'Blob',
  referrers: 'Referrers',
  uploads: 'Initiate Blob Upload',
  upload: 'Blob Upload',
};

const NO_BODY = { ContentType: '', Format: '' };

/** The API of this registry in the shape that distribution's templates read: routes, methods, requests, responses, errors. */
export function apiDescriptors() {
  const names = Object.keys(ENDPOINTS) as EndpointName[];
  return {
    RouteDescriptors: names.map(toRoute),
    ErrorDescriptors: (Object.keys(ERROR_CODES) as RegistryErrorCode[]).map(toError),
  };
}

function toRoute(name: EndpointName) {
  const operations = Object.values(OPERATIONS).filter(({ endpoint }) => endpoint === name);
  const methods = [...new Set(operations.flatMap((operation) => operation.methods))];
  const { path } = ENDPOINTS[name];
  return {
    Name: name,
    Path: path,
    Entity: ENTITIES[name],
    Description: operations.map(({ summary }) => summary).join(' '),
    Methods: methods.map((method) => {
      const those = operations.filter((operation) => operation.methods.includes(method));
      return {
        Method: method,
        Description: those.map(({ summary }) => summary).join(' '),
        Requests: those.map((operation) => toRequest(operation, path)),
      };
    }),
  };
}

function toRequest({ summary, query, requestHeaders, requestBody, responses, errors }: Operation, path: string) {
  const hasBody = requestBody !== undefined;
  const statuses = [...new Set(errors.map((code) => ERROR_CODES[code].status))].toSorted((a, b) => a - b);
  return {
    Name: '',
    Description: summary,
    Headers: toParameters(requestHeaders),
    PathParameters: [...path.matchAll(/<(\w+)>/g)].map(([, name = '']) => toParameter(name, '')),
    QueryParameters: toParameters(query),
    Body: hasBody ? { ContentType: 'application/octet-stream', Format: requestBody } : NO_BODY,
    Successes: responses.filter(({ status }) => status < 400).map((response) => toResponse(response, [])),
    Failures: [
      ...responses.filter(({ status }) => status >= 400).map((response) => toResponse(response, [])),
      ...statuses.map((status) => toResponse({ status, when: statusText(status) }, errors)),
    ],
  };
}

function toResponse({ status, when, headers }: OperationResponse, errors: readonly RegistryErrorCode[]) {
  const codes = errors.filter((code) => ERROR_CODES[code].status === status);
  return {
    Name: '',
    Description: when,
    StatusCode: status,
    Headers: toParameters(headers),
    Fields: [],
    ErrorCodes: codes.map((code) => ({ Descriptor: toError(code) })),
    Body: codes.length > 0 ? { ContentType: 'application/json', Format: ERROR_FORMAT } : NO_BODY,
  };
}

const ERROR_FORMAT = '{"errors": [{"code": <error code>, "message": "<error message>", "detail": ...}]}';

function toParameters(described: Readonly<Record<string, string>> = {}) {
  return Object.entries(described).map(([name, meaning]) => toParameter(name, meaning));
}

function toParameter(name: string, meaning: string) {
  return {
    Name: name,
    Type: 'string',
    Description: meaning,
    Required: false,
    Format: `<${name.toLowerCase().replaceAll('-', ' ')}>`,
    Examples: [],
  };
}

function toError(code: RegistryErrorCode) {
  const { status, description } = ERROR_CODES[code];
  return {
    Code: code,
    Value: code,
    Message: description.split(/[.;]/, 1).join(),
    Description: description,
    HTTPStatusCode: status,
  };
}
