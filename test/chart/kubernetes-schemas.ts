import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseAllDocuments } from 'yaml';

type Schema = Record<string, unknown>;
interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Where `test/setup/chart.mjs` has downloaded the sources to; a source that could not be had is absent. */
export interface Sources {
  readonly kubernetes?: string;
  readonly gatewayApi?: string;
  readonly certManager?: string;
  /** CRDs of the Prometheus operator. */
  readonly monitoring?: string;
}

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/layover-tests/chart');

export async function loadSources(): Promise<Sources> {
  const text = await readFile(join(CACHE, 'sources.json'), 'utf8').catch(() => '{}');
  return JSON.parse(text) as Sources;
}

export const crdFolders = ({ gatewayApi, certManager, monitoring }: Sources): readonly string[] => [
  ...(gatewayApi === undefined ? [] : [join(gatewayApi, 'config/crd/standard')]),
  ...(certManager === undefined ? [] : [join(certManager, 'deploy/crds')]),
  ...(monitoring === undefined ? [] : [monitoring]),
];

/** The argument of kubeconform for the schemas in a directory; the core group is called `v1`. */
export const schemaLocation = (directory: string) =>
  join(directory, '{{ .Group }}_{{ .ResourceAPIVersion }}_{{ .ResourceKind }}.json');

/** Writes a schema for each kind, which refuses unknown fields. */
export async function writeSchemas(sources: Sources, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const write = ({ group, version, kind }: Kind, schema: Schema) =>
    writeFile(join(directory, `${group || version}_${version}_${kind.toLowerCase()}.json`), JSON.stringify(schema));
  if (sources.kubernetes !== undefined) await writeBuiltIn(sources.kubernetes, write);
  for (const folder of crdFolders(sources)) await writeCustom(folder, write);
}

type Write = (kind: Kind, schema: Schema) => Promise<void>;

/** Of Kubernetes' OpenAPI, where each definition refers to others of the same file. */
async function writeBuiltIn(kubernetes: string, write: Write): Promise<void> {
  const swagger = JSON.parse(await readFile(join(kubernetes, 'api/openapi-spec/swagger.json'), 'utf8')) as Schema;
  const definitions = swagger['definitions'] as Record<string, Schema>;
  for (const [name, definition] of Object.entries(definitions)) definitions[name] = strict(definition) as Schema;
  for (const [name, definition] of Object.entries(definitions)) {
    const [kind] = (definition['x-kubernetes-group-version-kind'] ?? []) as Kind[];
    if (kind === undefined || !('metadata' in ((definition['properties'] ?? {}) as Schema))) continue;
    const used = definitionsOf(name, definitions, {});
    await write(kind, { ...definition, definitions: used });
  }
}

/** A definition with all that it refers to. */
function definitionsOf(name: string, all: Record<string, Schema>, found: Record<string, Schema>) {
  const definition = all[name];
  if (definition === undefined || name in found) return found;
  found[name] = definition;
  for (const [, other = ''] of JSON.stringify(definition).matchAll(/"#\/definitions\/([^"]+)"/g))
    definitionsOf(other, all, found);
  return found;
}

async function writeCustom(folder: string, write: Write): Promise<void> {
  for (const file of await readdir(folder)) {
    if (!file.endsWith('.yaml')) continue;
    for (const document of parseAllDocuments(await readFile(join(folder, file), 'utf8'))) {
      const { spec } = document.toJS() as { spec?: CustomDefinition };
      for (const { name, schema } of spec?.versions ?? [])
        await write({ group: spec?.group ?? '', version: name, kind: spec?.names?.kind ?? '' }, customSchema(schema));
    }
  }
}

interface CustomDefinition {
  readonly group: string;
  readonly names?: { readonly kind: string };
  readonly versions?: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
}

/** The API server adds what every object has. */
function customSchema({ openAPIV3Schema: schema }: { readonly openAPIV3Schema: Schema }): Schema {
  const properties = { ...(schema['properties'] as Schema), metadata: { type: 'object', additionalProperties: true } };
  return strict({ ...schema, properties }) as Schema;
}

/** An object with known properties takes no others, as `kubectl --validate=strict` and the API server have it. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const isIntOrString =
    'x-kubernetes-int-or-string' in schema || ('format' in schema && schema.format === 'int-or-string');
  if (isIntOrString) return { type: ['integer', 'string'] };
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value)]));
  const isOpen = copy['x-kubernetes-preserve-unknown-fields'] === true || 'additionalProperties' in copy;
  return 'properties' in copy && !isOpen ? { ...copy, additionalProperties: false } : copy;
}
