/** A JSON schema, of the kinds that the document of the admin API has. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema;
  readonly pattern?: string;
}

type Definitions = Readonly<Record<string, JsonSchema>>;

/** What in a value is not as its schema has it: also members that the schema does not have. */
export function mismatches(value: unknown, schema: JsonSchema, definitions: Definitions, path = '$'): string[] {
  const inner = (each: unknown, its: JsonSchema, at: string) => mismatches(each, its, definitions, at);
  if (schema.$ref !== undefined) return inner(value, definitions[schema.$ref.split('/').at(-1) ?? ''] ?? {}, path);
  if (schema.anyOf) {
    const tried = schema.anyOf.map((each) => inner(value, each, path));
    return tried.some(({ length }) => length === 0) ? [] : (tried[0] ?? []);
  }
  if ('const' in schema) return value === schema.const ? [] : [`${path} is not ${String(schema.const)}`];
  if (schema.enum) return schema.enum.includes(value) ? [] : [`${path} is ${String(value)}`];
  if (schema.type === undefined) return [];
  if (typeOf(value) !== schema.type) return [`${path} is ${typeOf(value)}, not ${schema.type}`];
  if (Array.isArray(value)) return value.flatMap((each, i) => inner(each, schema.items ?? {}, `${path}[${i}]`));
  if (schema.type !== 'object') return matches(value, schema) ? [] : [`${path} does not match ${schema.pattern}`];
  return objectMismatches(value as Readonly<Record<string, unknown>>, schema, { path, inner });
}

function objectMismatches(
  value: Readonly<Record<string, unknown>>,
  { properties, required = [], additionalProperties }: JsonSchema,
  { path, inner }: { path: string; inner: (value: unknown, schema: JsonSchema, path: string) => string[] },
): string[] {
  const missing = required.filter((key) => !Object.hasOwn(value, key)).map((key) => `${path}.${key} is missing`);
  const found = Object.entries(value).flatMap(([key, each]) => {
    const schema = properties?.[key] ?? additionalProperties;
    return schema ? inner(each, schema, `${path}.${key}`) : [`${path}.${key} is not described`];
  });
  return [...missing, ...found];
}

function matches(value: unknown, { pattern }: JsonSchema): boolean {
  return pattern === undefined || new RegExp(pattern).test(String(value));
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
