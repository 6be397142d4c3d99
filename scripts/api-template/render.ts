import type { Declaration, Operand, Pipeline } from './expression.ts';
import { BUILT_IN, type Functions, isTrue, toText } from './functions.ts';
import { type Action, atLine, type Node, parseTemplate } from './template.ts';

/**
 * Renders a Go template.
 *
 * @param data objects for structs and arrays for slices; a field that does not exist is an error
 * @throws {Error} with the line of the template
 */
export function renderTemplate(source: string, data: unknown, functions: Functions = {}): string {
  const renderer = new Renderer({ ...BUILT_IN, ...functions });
  return renderer.render(parseTemplate(source), { dot: data, variables: new Scope(undefined, [['$', data]]) });
}

interface Context {
  readonly dot: unknown;
  readonly variables: Scope;
}

/** Variables live until the end of their block. */
class Scope {
  readonly #outer: Scope | undefined;
  readonly #values: Map<string, unknown>;

  constructor(outer: Scope | undefined, values: readonly (readonly [string, unknown])[] = []) {
    this.#outer = outer;
    this.#values = new Map(values);
  }

  get(name: string): unknown {
    return this.#owner(name).#values.get(name);
  }

  assign(name: string, value: unknown, isNew: boolean): void {
    (isNew ? this : this.#owner(name)).#values.set(name, value);
  }

  #owner(name: string): Scope {
    if (this.#values.has(name)) return this;
    if (!this.#outer) throw new Error(`undefined variable ${name}`);
    return this.#outer.#owner(name);
  }
}

class Renderer {
  readonly #functions: Functions;

  constructor(functions: Functions) {
    this.#functions = functions;
  }

  render(nodes: readonly Node[], context: Context): string {
    return nodes
      .map((node) => (node.kind === 'text' ? node.text : atLine(node.line, () => this.#action(node, context))))
      .join('');
  }

  #action(node: Exclude<Node, { kind: 'text' }>, context: Context): string {
    const value = this.#evaluate(node.pipeline, context);
    if (node.kind === 'output') {
      if (!node.declaration) return toText(value);
      assign(node.declaration, [value], context.variables);
      return '';
    }
    if (node.kind === 'range') return this.#range(node, value, context);
    const variables = new Scope(context.variables);
    if (node.declaration) assign(node.declaration, [value], variables);
    const dot = node.kind === 'with' && isTrue(value) ? value : context.dot;
    return this.render(isTrue(value) ? node.body : node.otherwise, { dot, variables });
  }

  #range(node: Action, value: unknown, context: Context): string {
    const entries = entriesOf(value);
    if (entries.length === 0)
      return this.render(node.otherwise, { ...context, variables: new Scope(context.variables) });
    return entries
      .map(([key, item]) => {
        const variables = new Scope(context.variables);
        // One variable is the element, two are the index and the element.
        if (node.declaration)
          assign(node.declaration, node.declaration.names.length === 1 ? [item] : [key, item], variables);
        return this.render(node.body, { dot: item, variables });
      })
      .join('');
  }

  #evaluate({ commands }: Pipeline, context: Context): unknown {
    let piped: readonly unknown[] = [];
    for (const command of commands) piped = [this.#command(command, piped, context)];
    return piped[0];
  }

  #command([first, ...rest]: readonly Operand[], piped: readonly unknown[], context: Context): unknown {
    if (!first) throw new Error('missing value for command');
    if (first.kind !== 'function') {
      if (rest.length + piped.length > 0) throw new Error('only a function takes arguments');
      return this.#value(first, context);
    }
    return this.#call(first.name, [...rest.map((each) => this.#value(each, context)), ...piped]);
  }

  #call(name: string, args: readonly unknown[]): unknown {
    const call = Object.hasOwn(this.#functions, name) ? this.#functions[name] : undefined;
    if (!call) throw new Error(`function "${name}" not defined`);
    return call(...args);
  }

  #value(operand: Operand, context: Context): unknown {
    const start = this.#start(operand, context);
    return operand.fields.reduce(fieldOf, start);
  }

  #start(operand: Operand, context: Context): unknown {
    switch (operand.kind) {
      case 'dot':
        return context.dot;
      case 'nil':
        return undefined;
      case 'literal':
        return operand.value;
      case 'variable':
        return context.variables.get(operand.name);
      case 'function':
        return this.#call(operand.name, []);
      case 'pipeline':
        return this.#evaluate(operand.pipeline, context);
    }
  }
}

function assign({ names, isNew }: Declaration, values: readonly unknown[], scope: Scope): void {
  if (names.length > values.length) throw new Error(`too many variables: ${names.join(', ')}`);
  names.forEach((name, i) => scope.assign(name, values[i], isNew));
}

function entriesOf(value: unknown): readonly (readonly [unknown, unknown])[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return [...value.entries()];
  if (typeof value === 'number') return Array.from({ length: value }, (_, i) => [i, i] as const);
  if (typeof value === 'object') return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  throw new Error(`range can't iterate over ${toText(value)}`);
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, name))
    return (value as Readonly<Record<string, unknown>>)[name];
  throw new Error(`can't evaluate field ${name}`);
}
