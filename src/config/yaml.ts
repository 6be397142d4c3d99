import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  Parser,
  Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { Origin, Problem } from './problem.ts';
import { type ConfigNode, emptyMap, isNullNode, type MapEntry, type MapNode } from './tree.ts';

/** Aliases multiply nodes ("a billion laughs"). A configuration has much fewer. */
const MAX_NODES = 20_000;
const MAX_DEPTH = 100;

const NULLS = new Set(['', '~', 'null', 'Null', 'NULL']);

export interface ParsedYaml {
  readonly root: ConfigNode;
  readonly problems: readonly Problem[];
  /** It is not valid YAML, and `root` is the readable part. */
  readonly isBroken: boolean;
}

/** Parses a configuration file. Never throws. */
export function parseYamlFile(text: string, file: string): ParsedYaml {
  const lines = new LineCounter();
  return parseYaml(text, lines, (offset) => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  });
}

/** Parses the value of an environment variable. Never throws. */
export function parseYamlVariable(text: string, variable: string): ParsedYaml {
  return parseYaml(text, new LineCounter(), () => ({ variable }));
}

function parseYaml(text: string, lineCounter: LineCounter, originAt: (offset: number) => Origin): ParsedYaml {
  try {
    if (isTooDeep(text)) return tooDeep(originAt);
    const doc = parseDocument(text, { schema: 'failsafe', lineCounter, prettyErrors: false, uniqueKeys: false });
    const builder = new TreeBuilder(doc, originAt);
    const root = builder.build(doc.contents, 0);
    const problems = [...doc.errors, ...doc.warnings.filter(({ code }) => code === 'TAG_RESOLVE_FAILED')];
    const isBroken = problems.length > 0;
    const toProblem = (error: YAMLError) => problemAt(originAt(error.pos[0]), describeError(error));
    return { root, problems: [...problems.map(toProblem), ...builder.problems], isBroken };
  } catch {
    return tooDeep(originAt); // through aliases
  }
}

/**
 * The library composes nodes recursively, and V8 ends the process when it compiles a regular expression on an exhausted stack. Its lexer and
 * its parser do not recurse.
 */
function isTooDeep(text: string): boolean {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    Array.from(parser.next(lexeme));
    // A mapping and its key are a level each there.
    if (parser.stack.length > 2 * MAX_DEPTH + 2) return true;
  }
  return false;
}

function tooDeep(originAt: (offset: number) => Origin): ParsedYaml {
  return { root: emptyMap(originAt(0)), problems: [problemAt(originAt(0), TOO_DEEP)], isBroken: true };
}

const TOO_DEEP = `nested more than ${MAX_DEPTH} levels deep`;
const TOO_MANY = `more than ${MAX_NODES} values, aliases followed`;
const LIMITS = new Set([TOO_DEEP, TOO_MANY]);

const MESSAGES: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'more than one YAML document',
  RESOURCE_EXHAUSTION: TOO_DEEP,
  TAG_RESOLVE_FAILED: 'text that starts with ! must be in quotes',
};

/** Parts of the library's messages that repeat the text, which may be a password. */
const ECHO = /(?:: ["{].*|(?<=extra characters|escape sequence|token|tag|directive):? .*)$/s;

function describeError({ code, message }: YAMLError): string {
  return MESSAGES[code] ?? `not valid YAML: ${message.replace(ECHO, '')}`;
}

function problemAt(origin: Origin, message: string): Problem {
  return { origin, path: [], message };
}

/** Converts the YAML library's nodes, follows aliases, and merges `<<`. */
class TreeBuilder {
  readonly problems: Problem[] = [];
  readonly #doc: Document.Parsed;
  readonly #originAt: (offset: number) => Origin;
  #count = 0;

  constructor(doc: Document.Parsed, originAt: (offset: number) => Origin) {
    this.#doc = doc;
    this.#originAt = originAt;
  }

  build(node: unknown, depth: number): ConfigNode {
    const origin = this.#origin(node);
    if (++this.#count > MAX_NODES) return this.#refuse(origin, TOO_MANY);
    if (depth > MAX_DEPTH) return this.#refuse(origin, TOO_DEEP);
    if (isAlias(node)) return this.#follow(node.resolve(this.#doc), origin, depth);
    if (isMap(node)) return this.#map(node, origin, depth);
    if (isSeq(node)) return { kind: 'list', items: node.items.map((item) => this.build(item, depth + 1)), origin };
    const text = isScalar(node) ? String(node.value) : '';
    const isPlain = !isScalar(node) || node.type === Scalar.PLAIN;
    return { kind: 'scalar', text, isNull: isPlain && NULLS.has(text), origin };
  }

  #follow(target: unknown, origin: Origin, depth: number): ConfigNode {
    // An unquoted value that starts with * is an alias, too.
    if (target === undefined)
      return this.#refuse(origin, 'this alias has no anchor before it (text that starts with * needs quotes)');
    return this.build(target, depth + 1);
  }

  #map(node: YAMLMap, origin: Origin, depth: number): MapNode {
    const entries = new Map<string, MapEntry>();
    const merged: ConfigNode[] = [];
    const seen = new Map<string, Origin>();
    for (const { key, value } of node.items) {
      const keyNode = this.build(key, depth + 1);
      const child = this.build(value, depth + 1);
      if (keyNode.kind === 'scalar') this.#refuseSecond(keyNode, seen);
      if (keyNode.kind !== 'scalar') this.#refuse(keyNode.origin, 'a key must be plain text');
      else if (keyNode.text === '<<') merged.push(child);
      else entries.set(keyNode.text, { keyOrigin: keyNode.origin, value: child });
    }
    for (const source of merged) this.#merge(source, entries);
    return { kind: 'map', entries, origin };
  }

  /** The parser's own check does not report the position of the other key. */
  #refuseSecond({ text, origin }: ConfigNode & { readonly kind: 'scalar' }, seen: Map<string, Origin>): void {
    const first = seen.get(text);
    if (first === undefined) seen.set(text, origin);
    else
      this.#refuse(
        origin,
        `${JSON.stringify(text)} is also set${'line' in first ? ` on line ${first.line}` : ' before'} (remove one of the two)`,
      );
  }

  /** @see https://yaml.org/type/merge.html A key of the map itself wins, then the earlier source. */
  #merge(source: ConfigNode, entries: Map<string, MapEntry>): void {
    if (isNullNode(source)) return;
    if (source.kind === 'scalar') this.#refuse(source.origin, '<< needs a mapping, or a list of mappings');
    else if (source.kind === 'list') for (const item of source.items) this.#merge(item, entries);
    else for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
  }

  #refuse(origin: Origin, message: string): ConfigNode {
    // Reported once: an alias that refers to itself would cause a thousand.
    const isKnown = LIMITS.has(message) && this.problems.some((problem) => problem.message === message);
    if (!isKnown) this.problems.push(problemAt(origin, message));
    return { kind: 'scalar', text: '', isNull: true, origin };
  }

  #origin(node: unknown): Origin {
    const ranged = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node);
    return this.#originAt((ranged && node.range?.[0]) || 0);
  }
}
