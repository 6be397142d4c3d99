import { parse } from 'yaml';

interface ValueSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, ValueSchema>>;
  readonly $ref?: string;
}

interface Value {
  readonly name: string;
  readonly description: string;
  /** Absent when values.yaml leaves it out. */
  readonly default: unknown;
}

const TABLE = /<!-- generated -->[^]*<!-- end -->/;
/** Helm's own. */
const HIDDEN = 'global';

/** A chart's README with the table of its values, described by the schema. */
export function withValues(readme: string, files: { readonly schema: string; readonly values: string }): string {
  const rows = listValues(files).map((it) => `| \`${it.name}\` | ${defaultOf(it)} | ${it.description} |`);
  const table = ['| Value | Default | Description |', '| --- | --- | --- |', ...rows].join('\n');
  return readme.replace(TABLE, () => `<!-- generated -->\n\n${table}\n\n<!-- end -->`);
}

/** Values that have no further ones, in the order of the schema. */
export function listValues({ schema, values }: { readonly schema: string; readonly values: string }): readonly Value[] {
  const found: Value[] = [];
  collect(JSON.parse(schema) as ValueSchema, parse(values), [], found);
  return found;
}

function collect(schema: ValueSchema, value: unknown, path: readonly string[], found: Value[]): void {
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    if (name === HIDDEN) continue;
    const at = [...path, name];
    const own = isRecord(value) ? value[name] : undefined;
    if (child.properties !== undefined) collect(child, own, at, found);
    else found.push({ name: at.join('.'), description: child.description ?? '', default: own });
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function defaultOf({ default: value }: Value): string {
  if (value === undefined || value === '') return '';
  return `\`${JSON.stringify(value).replaceAll(/^"|"$/g, '')}\``;
}
