/** What an action computes: commands joined by `|`, each passed on as the last argument of the next one. */
export interface Pipeline {
  readonly commands: readonly (readonly Operand[])[];
}

export type Operand = { readonly fields: readonly string[] } & (
  | { readonly kind: 'dot' | 'nil' }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'variable' | 'function'; readonly name: string }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline }
);

/** Variables that an action declares (`:=`) or sets (`=`) before its pipeline. */
export interface Declaration {
  readonly names: readonly string[];
  readonly isNew: boolean;
}

/** `$x := …`, `$x = …` or `$i, $x := …` at the front of an action. */
export function takeDeclaration(words: readonly string[]): [Declaration | undefined, readonly string[]] {
  const dense = words.map((word, at) => ({ word, at })).filter(({ word }) => word !== ' ');
  const sign = dense.findIndex(({ word }) => word === ':=' || word === '=');
  const names = dense.slice(0, sign).filter(({ word }) => word !== ',');
  if (sign < 1 || !names.every(({ word }) => word.startsWith('$'))) return [undefined, words];
  const { word, at } = dense[sign] ?? { word: '', at: 0 };
  return [{ names: names.map((each) => each.word), isNew: word === ':=' }, words.slice(at + 1)];
}

/** @throws {Error} when the words are not a pipeline */
export function parsePipeline(words: readonly string[]): Pipeline {
  const parser = new Parser(words);
  const pipeline = parser.pipeline();
  if (!parser.isAtEnd) throw new Error(`unexpected ${parser.next}`);
  return pipeline;
}

class Parser {
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get next(): string {
    return this.#words[this.#at] ?? 'end of action';
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#words.length;
  }

  pipeline(): Pipeline {
    const commands = [this.#command()];
    while (this.#skip('|')) commands.push(this.#command());
    return { commands };
  }

  #command(): Operand[] {
    const operands: Operand[] = [];
    for (this.#skip(' '); !this.isAtEnd && this.next !== '|' && this.next !== ')'; this.#skip(' ')) {
      operands.push(this.#operand());
    }
    if (operands.length === 0) throw new Error('missing value for command');
    return operands;
  }

  #operand(): Operand {
    const word = this.next;
    if (word === '.') return { kind: 'dot', fields: this.#fieldsOfDot() };
    this.#at++;
    if (word === '(') {
      const pipeline = this.pipeline();
      if (!this.#skip(')')) throw new Error('unclosed left paren');
      return { kind: 'pipeline', pipeline, fields: this.#fields() };
    }
    if (word === 'nil') return { kind: 'nil', fields: [] };
    if (word.startsWith('$')) return { kind: 'variable', name: word, fields: this.#fields() };
    if (/^[\p{L}_]/u.test(word) && word !== 'true' && word !== 'false')
      return { kind: 'function', name: word, fields: [] };
    return { kind: 'literal', value: toLiteral(word), fields: [] };
  }

  /** `.` alone, or `.A.B`. */
  #fieldsOfDot(): string[] {
    const fields = this.#fields();
    if (fields.length === 0) this.#at++;
    return fields;
  }

  #fields(): string[] {
    const fields: string[] = [];
    for (;;) {
      const name = this.#words[this.#at + 1];
      if (this.next !== '.' || name === undefined || !/^[\p{L}_]/u.test(name)) return fields;
      fields.push(name);
      this.#at += 2;
    }
  }

  #skip(word: string): boolean {
    if (this.next !== word) return false;
    this.#at++;
    return true;
  }
}

function toLiteral(word: string): string | number | boolean {
  if (word.startsWith('`')) return word.slice(1, -1);
  if (word === 'true' || word === 'false') return word === 'true';
  try {
    return JSON.parse(word) as string | number;
  } catch {
    throw new Error(`unexpected ${word}`);
  }
}
