import { ENDPOINTS, type EndpointName, type Operation } from '../oci/endpoints.ts';
import { ERROR_CODES, type RegistryErrorCode } from '../oci/errors.ts';
import { OPERATIONS } from '../oci/request.ts';

const INTRODUCTION = `# The HTTP API

Layover implements the [OCI distribution specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md)
and the extensions of Docker's registry. \`layover api-docs\` generates this page from the tables that the server uses to parse requests.

- A \`<name>\` is lower-case words separated by slashes, at most 255 characters.
- A \`<reference>\` is a tag or a digest.
- A \`<digest>\` is \`sha256:\` or \`sha512:\` and lower-case hex.
- A trailing slash is optional. Double slashes are redirected to single ones: 301 for \`GET\` and \`HEAD\`, 308 for the rest.
- \`?ns=<host>\` selects the upstream registry, when one Layover serves several.
- \`OPTIONS\` of any endpoint returns 200 with \`Allow\`.
`;

const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'Docker-Distribution-Api-Version': '`registry/2.0`',
  'X-Cache': 'Where the response came from: `HIT`, `MISS`, `FILL`, `STALE` or `BYPASS`.',
  'OCI-Namespace': 'The upstream registry of the content.',
  'X-Content-Type-Options': '`nosniff`; this and the next two unless `http.headers` sets them.',
  'Content-Security-Policy': "`default-src 'none'; sandbox`",
  'Content-Disposition':
    '`attachment`, when a browser would display the response (`Sec-Fetch-Dest`, `Sec-Fetch-Mode`).',
  Warning: '`110 - "Response is Stale"`, with `X-Cache: STALE`.',
};

/** Errors that every operation may return. */
const COMMON_ERRORS: readonly RegistryErrorCode[] = [
  'UNAUTHORIZED',
  'DENIED',
  'NAME_INVALID',
  'UNSUPPORTED',
  'TOOMANYREQUESTS',
  'UNAVAILABLE',
  'UNKNOWN',
];

const ERROR_BODY = `An error is JSON. When the body of a response has already started, the connection is closed instead.

\`\`\`json
{"errors":[{"code":"MANIFEST_UNKNOWN","message":"…","detail":{}}]}
\`\`\`
`;

/** The reference of the API, in Markdown. */
export function renderApiDocs(): string {
  const names = Object.keys(ENDPOINTS) as EndpointName[];
  const parts = [
    INTRODUCTION,
    '## Overview\n',
    overview(),
    '## Every response\n',
    table(['Header', 'Meaning'], headerRows(COMMON_HEADERS)),
    ERROR_BODY,
    '## Errors\n',
    errorTable(),
    `Every request may return ${COMMON_ERRORS.map(code).join(', ')}. The sections below list the others.\n`,
    ...names.flatMap(renderEndpoint),
  ];
  return parts.join('\n');
}

function overview(): string {
  const rows = Object.entries(OPERATIONS).map(([, operation]) => [
    methodsOf(operation),
    code(ENDPOINTS[operation.endpoint].path),
    operation.summary,
    operation.spec,
  ]);
  return table(['Method', 'Path', 'Purpose', 'Specification'], rows);
}

function errorTable(): string {
  return table(
    ['Code', 'Status', 'Meaning'],
    Object.entries(ERROR_CODES).map(([name, { status, description }]) => [code(name), String(status), description]),
  );
}

function renderEndpoint(name: EndpointName): string[] {
  const operations = Object.values(OPERATIONS).filter(({ endpoint }) => endpoint === name);
  return [`## ${code(ENDPOINTS[name].path)}\n`, ...operations.flatMap(renderOperation)];
}

function renderOperation(operation: Operation): string[] {
  const { summary, query, requestHeaders, requestBody, responses, errors } = operation;
  return [
    `### ${methodsOf(operation)} ${ENDPOINTS[operation.endpoint].path}\n`,
    `${summary}\n`,
    ...(query ? [table(['Parameter', 'Meaning'], headerRows(query))] : []),
    ...(requestHeaders ? [table(['Request header', 'Meaning'], headerRows(requestHeaders))] : []),
    ...(requestBody === undefined ? [] : [`Request body: ${requestBody}\n`]),
    table(
      ['Response', 'When', 'Headers'],
      responses.map(({ status, when, headers = {} }) => [String(status), when, headerList(headers)]),
    ),
    ...(errors.length === 0 ? [] : [`Errors: ${errors.map(withStatus).join(', ')}\n`]),
  ];
}

function headerRows(described: Readonly<Record<string, string>>): string[][] {
  return Object.entries(described).map(([name, meaning]) => [code(name), meaning]);
}

function headerList(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, meaning]) => `${code(name)}: ${meaning}`)
    .join('<br>');
}

function withStatus(name: RegistryErrorCode): string {
  return `${code(name)} (${ERROR_CODES[name].status})`;
}

function methodsOf({ methods }: Operation): string {
  return methods.join(', ');
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('');
}
