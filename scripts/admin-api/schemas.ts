import { pathToFileURL } from 'node:url';

import { type Declaration, docBefore, parseType, type SyntaxNode } from './declarations.ts';

/** A JSON schema (2020-12). */
export type Schema = Readonly<Record<string, unknown>>;

interface Typed {
  readonly node: SyntaxNode;
  readonly text: string;
}

const KEYWORDS: Readonly<Record<string, Schema>> = {
  TSStringKeyword: { type: 'string' },
  TSNumberKeyword: { type: 'number' },
  TSBooleanKeyword: { type: 'boolean' },
  TSNullKeyword: { type: 'null' },
  TSUnknownKeyword: {},
  TSNeverKeyword: { not: {} },
};

/** JSON schemas of TypeScript types. Schemas of named types are kept, and referred to. */
export class Schemas {
  readonly named = new Map<string, Schema>();
  readonly #declarations: ReadonlyMap<string, Declaration>;

  constructor(declarations: ReadonlyMap<string, Declaration>) {
    this.#declarations = declarations;
  }

  ofExpression(expression: string): Promise<Schema> {
    return this.#of(parseType(expression));
  }

  async #of({ node, text }: Typed): Promise<Schema> {
    const keyword = KEYWORDS[node.type];
    if (keyword) return keyword;
    const inner = (key: string) => this.#of({ node: node[key] as SyntaxNode, text });
    switch (node.type) {
      case 'TSTypeOperator':
        return node['operator'] === 'keyof' ? this.#keysOf(node, text) : inner('typeAnnotation');
      case 'TSParenthesizedType':
        return inner('typeAnnotation');
      case 'TSArrayType':
        return { type: 'array', items: await inner('elementType') };
      case 'TSLiteralType':
        return { const: (node['literal'] as { value: unknown }).value };
      case 'TSTemplateLiteralType':
        return { type: 'string' };
      case 'TSTupleType':
        return { type: 'array', maxItems: (node['elementTypes'] as unknown[]).length };
      case 'TSUnionType':
        return this.#union(node['types'] as readonly SyntaxNode[], text);
      case 'TSIntersectionType':
        return this.#merged(node['types'] as readonly SyntaxNode[], text);
      case 'TSTypeLiteral':
        return this.#members(node['members'] as readonly SyntaxNode[], text);
      case 'TSTypeReference':
        return this.#reference(node, text);
      case 'TSIndexedAccessType':
        return this.#indexed(node, text);
      default:
        throw new Error(`${node.type} has no schema: ${text.slice(node.start, node.end)}`);
    }
  }

  async #union(types: readonly SyntaxNode[], text: string): Promise<Schema> {
    const present = types.filter(({ type }) => type !== 'TSUndefinedKeyword' && type !== 'TSVoidKeyword');
    const schemas = await inOrder(present, (node) => this.#of({ node, text }));
    const [first] = schemas;
    if (schemas.length === 1 && first) return first;
    if (schemas.every((schema) => 'const' in schema)) return { enum: schemas.map((schema) => schema['const']) };
    return { anyOf: schemas };
  }

  async #members(members: readonly SyntaxNode[], text: string): Promise<Schema> {
    const properties: Record<string, Schema> = {};
    const required: string[] = [];
    for (const member of members.filter(({ type }) => type === 'TSPropertySignature')) {
      const { name } = member['key'] as { name: string };
      const annotation = (member['typeAnnotation'] as SyntaxNode)['typeAnnotation'] as SyntaxNode;
      properties[name] = described(await this.#of({ node: annotation, text }), docBefore(text, member.start));
      if (member['optional'] !== true) required.push(name);
    }
    return { type: 'object', properties, required };
  }

  async #reference(node: SyntaxNode, text: string): Promise<Schema> {
    const { name } = node['typeName'] as { name: string };
    const given = (node['typeArguments'] as { params: readonly SyntaxNode[] } | null)?.params ?? [];
    return this.#generic(name, given, text);
  }

  async #generic(name: string, given: readonly SyntaxNode[], text: string): Promise<Schema> {
    const [first, second] = given;
    if (first && (name === 'Readonly' || name === 'Required')) return this.#of({ node: first, text });
    if (first && name === 'Partial') return { ...(await this.#resolved({ node: first, text })), required: [] };
    if (second && name === 'Record')
      return { type: 'object', additionalProperties: await this.#of({ node: second, text }) };
    if (first && second && (name === 'Omit' || name === 'Pick')) {
      const keys = new Set(valuesOf(await this.#resolved({ node: second, text })));
      const isKept = (key: string) => keys.has(key) === (name === 'Pick');
      return selected(await this.#resolved({ node: first, text }), isKept);
    }
    if (name === 'Digest') return { type: 'string', pattern: '^sha(256|512):[0-9a-f]+$' };
    await this.#addNamed(name);
    return { $ref: `#/components/schemas/${name}` };
  }

  async #addNamed(name: string): Promise<void> {
    if (this.named.has(name)) return;
    const declaration = this.#declarations.get(name);
    if (!declaration) throw new Error(`the type ${name} is not among the declarations`);
    this.named.set(name, {}); // it may refer to itself
    const { node, text, doc } = declaration;
    const schema =
      node.type === 'TSInterfaceDeclaration'
        ? await this.#interface(node, text)
        : await this.#of({ node: node['typeAnnotation'] as SyntaxNode, text });
    this.named.set(name, described(schema, doc));
  }

  async #interface(node: SyntaxNode, text: string): Promise<Schema> {
    const bases = await inOrder(node['extends'] as readonly SyntaxNode[], async ({ expression, typeArguments }) => {
      const { name } = expression as { name: string };
      const given = (typeArguments as { params: readonly SyntaxNode[] } | null)?.params ?? [];
      return this.#deref(await this.#generic(name, given, text));
    });
    const { body } = node['body'] as { body: readonly SyntaxNode[] };
    return joined([...bases, await this.#members(body, text)]);
  }

  async #merged(types: readonly SyntaxNode[], text: string): Promise<Schema> {
    return joined(await inOrder(types, (node) => this.#resolved({ node, text })));
  }

  /** `(typeof LIST)[number]`, or the type of a member. */
  async #indexed(node: SyntaxNode, text: string): Promise<Schema> {
    const object = unwrapped(node['objectType'] as SyntaxNode);
    if (object.type === 'TSTypeQuery') return { enum: Object.values((await this.#valueOf(object)) as object) };
    const schema = await this.#resolved({ node: object, text });
    const [key] = valuesOf(await this.#of({ node: node['indexType'] as SyntaxNode, text }));
    return (schema['properties'] as Record<string, Schema>)[String(key)] ?? {};
  }

  /** `keyof typeof MAP` */
  async #keysOf(node: SyntaxNode, text: string): Promise<Schema> {
    const operand = unwrapped(node['typeAnnotation'] as SyntaxNode);
    if (operand.type === 'TSTypeQuery') return { enum: Object.keys((await this.#valueOf(operand)) as object) };
    const { properties } = await this.#resolved({ node: operand, text });
    return { enum: Object.keys(properties as object) };
  }

  /** The value of an exported constant. */
  async #valueOf(query: SyntaxNode): Promise<unknown> {
    const { name } = query['exprName'] as { name: string };
    const declaration = this.#declarations.get(name);
    if (!declaration) throw new Error(`the constant ${name} is not among the declarations`);
    const module = (await import(pathToFileURL(declaration.path).href)) as Readonly<Record<string, unknown>>;
    return module[name];
  }

  async #resolved(typed: Typed): Promise<Schema> {
    return this.#deref(await this.#of(typed));
  }

  #deref(schema: Schema): Schema {
    const name = typeof schema['$ref'] === 'string' ? schema['$ref'].split('/').at(-1) : undefined;
    return (name === undefined ? undefined : this.named.get(name)) ?? schema;
  }
}

/** One after the other: a type may need the finished schema of another. */
async function inOrder<T, U>(items: readonly T[], work: (item: T) => Promise<U>): Promise<U[]> {
  const done: U[] = [];
  for (const item of items) done.push(await work(item));
  return done;
}

function unwrapped(node: SyntaxNode): SyntaxNode {
  return node.type === 'TSParenthesizedType' ? unwrapped(node['typeAnnotation'] as SyntaxNode) : node;
}

function described(schema: Schema, doc: string): Schema {
  return doc === '' ? schema : { ...schema, description: doc };
}

function valuesOf(schema: Schema): readonly unknown[] {
  return 'const' in schema ? [schema['const']] : ((schema['enum'] as readonly unknown[] | undefined) ?? []);
}

function selected({ properties, required }: Schema, isKept: (key: string) => boolean): Schema {
  const kept = Object.entries(properties ?? {}).filter(([key]) => isKept(key));
  return {
    type: 'object',
    properties: Object.fromEntries(kept),
    required: ((required ?? []) as readonly string[]).filter(isKept),
  };
}

/** An object with the members of several. */
function joined(schemas: readonly Schema[]): Schema {
  const properties = Object.assign({}, ...schemas.map((schema) => schema['properties'])) as Record<string, Schema>;
  const required = new Set(schemas.flatMap((schema) => (schema['required'] ?? []) as readonly string[]));
  return { type: 'object', properties, required: [...required] };
}
