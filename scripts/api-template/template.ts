import { type Declaration, parsePipeline, type Pipeline, takeDeclaration } from './expression.ts';
import { splitTemplate } from './tokens.ts';

/** A parsed Go template. */
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | ({ readonly kind: 'output' | 'if' | 'with' | 'range' } & Action);

export interface Action {
  readonly line: number;
  readonly declaration: Declaration | undefined;
  readonly pipeline: Pipeline;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

interface OpenBlock {
  readonly kind: 'if' | 'with' | 'range';
  readonly line: number;
  readonly words: readonly string[];
  readonly body: Node[];
  otherwise: Node[] | undefined;
  /** Opened by `else if` or `else with`: ends together with the block around it. */
  readonly isChained: boolean;
}

const UNSUPPORTED = new Set(['define', 'template', 'block', 'break', 'continue']);

/**
 * Text, pipelines, variables, comments, `if`, `else`, `with` and `range` of Go's text/template.
 *
 * @throws {Error} with the line, when the template is wrong or has another action
 * @see https://pkg.go.dev/text/template#hdr-Actions
 */
export function parseTemplate(source: string): readonly Node[] {
  const root: Node[] = [];
  const open: OpenBlock[] = [];
  const target = () => {
    const block = open.at(-1);
    return block ? (block.otherwise ?? block.body) : root;
  };
  for (const part of splitTemplate(source)) {
    if (part.kind === 'text') target().push(part);
    else atLine(part.line, () => addAction(part.words, part.line, { open, target }));
  }
  const unclosed = open.at(-1);
  if (unclosed) throw new Error(`line ${unclosed.line}: ${unclosed.kind} without end`);
  return root;
}

interface Place {
  readonly open: OpenBlock[];
  readonly target: () => Node[];
}

function addAction(words: readonly string[], line: number, { open, target }: Place): void {
  const [keyword = '', ...rest] = words;
  if (UNSUPPORTED.has(keyword)) throw new Error(`${keyword} is not supported`);
  if (keyword === 'if' || keyword === 'with' || keyword === 'range') {
    open.push({ kind: keyword, line, words: rest, body: [], otherwise: undefined, isChained: false });
  } else if (keyword === 'else') {
    addElse(rest.slice(1), line, open);
  } else if (keyword === 'end') {
    close(open, target);
  } else {
    target().push(toNode('output', { line, words }, [], []));
  }
}

function addElse([keyword, ...rest]: readonly string[], line: number, open: OpenBlock[]): void {
  const block = open.at(-1);
  if (!block || block.otherwise) throw new Error('unexpected else');
  block.otherwise = [];
  if (keyword === undefined) return;
  if (keyword !== block.kind || keyword === 'range') throw new Error(`unexpected ${keyword} after else`);
  open.push({ kind: keyword, line, words: rest, body: [], otherwise: undefined, isChained: true });
}

function close(open: OpenBlock[], target: () => Node[]): void {
  for (;;) {
    const block = open.pop();
    if (!block) throw new Error('unexpected end');
    target().push(toNode(block.kind, block, block.body, block.otherwise ?? []));
    if (!block.isChained) return;
  }
}

function toNode(
  kind: 'output' | OpenBlock['kind'],
  { line, words }: { readonly line: number; readonly words: readonly string[] },
  body: readonly Node[],
  otherwise: readonly Node[],
): Node {
  const [declaration, value] = takeDeclaration(words);
  return { kind, line, declaration, pipeline: parsePipeline(value), body, otherwise };
}

/** Names the line in what `run` throws. */
export function atLine<T>(line: number, run: () => T): T {
  try {
    return run();
  } catch (err) {
    const message = err instanceof Error ? err.message : String(err);
    throw /^line \d+: /.test(message) ? err : new Error(`line ${line}: ${message}`, { cause: err });
  }
}
