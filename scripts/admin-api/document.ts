import { ADMIN_PATH } from '../../src/admin/api.ts';
import { readDeclarations } from './declarations.ts';
import { ADMIN_OPERATIONS, type AdminOperation } from './operations.ts';
import { type Schema, Schemas } from './schemas.ts';

const ERROR = {
  description: 'An error: invalid 400, denied 401, not-found 404, held 409, unavailable 503.',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
};
const ERROR_SCHEMA = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: {
        reason: { enum: ['not-found', 'invalid', 'held', 'unavailable', 'denied', 'internal'] },
        message: { type: 'string' },
      },
      required: ['reason', 'message'],
    },
  },
  required: ['error'],
};

/** The OpenAPI document of the admin API, as JSON. */
export async function renderDocument(): Promise<string> {
  const schemas = new Schemas(await readDeclarations());
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, operation] of Object.entries(ADMIN_OPERATIONS)) {
    const [method = '', path = ''] = name.split(' ');
    const methods = paths[path] ?? {};
    paths[path] = { ...methods, [method.toLowerCase()]: await describe(path, method, { operation, schemas }) };
  }
  const named = Object.fromEntries([...schemas.named].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const document = {
    openapi: '3.1.0',
    info: { title: 'Layover admin API', version: '1', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: ADMIN_PATH }],
    security: [{}, { token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: ERROR_SCHEMA, ...named },
    },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

interface DescribedParts {
  readonly operation: AdminOperation;
  readonly schemas: Schemas;
}

async function describe(path: string, method: string, { operation, schemas }: DescribedParts): Promise<object> {
  const { summary, query = {}, body, response, mediaType = 'application/json' } = operation;
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => parameter(name ?? '', 'path')),
    ...Object.entries(query).map(([name, description]) => parameter(name, 'query', description)),
  ];
  const schema = await schemas.ofExpression(response);
  return {
    operationId: operationId(method, path),
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(method !== 'GET' && { requestBody: content(await schemas.ofExpression(body ?? '{}'), 'application/json') }),
    responses: {
      '200': { description: 'The result.', ...content(schema, mediaType) },
      default: ERROR,
    },
  };
}

function parameter(name: string, place: 'path' | 'query', description?: string): object {
  return {
    name,
    in: place,
    ...(place === 'path' && { required: true }),
    ...(description !== undefined && { description }),
    schema: { type: 'string' },
  };
}

function content(schema: Schema, mediaType: string): { readonly content: object } {
  return { content: { [mediaType]: { schema } } };
}

/** `getRepositoriesTags` */
function operationId(method: string, path: string): string {
  const words = path.split(/\W+/).filter((word) => word !== '' && !path.includes(`{${word}}`));
  const named = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  const suffix = path.endsWith('}') ? 'One' : '';
  return `${method.toLowerCase()}${named}${suffix}`;
}
