import type { ImageFinder } from './found-images.ts';
import { substitute } from './substitute.ts';

const HEREDOC = /<<-?\s*(["']?)([A-Za-z_]\w*)\1/g;

interface Instruction {
  readonly name: string;
  readonly rest: string;
  readonly line: number;
}

/**
 * The images that a Dockerfile is built from: `FROM`, `COPY --from` and `RUN --mount` with `from`, and its `syntax`. Stages are not images.
 *
 * @see https://docs.docker.com/reference/dockerfile/
 */
export function findInDockerfile(text: string, found: ImageFinder): void {
  const file = new Dockerfile(found);
  const syntax = /^#\s*syntax\s*=\s*(\S+)/im.exec(leadingComments(text))?.[1];
  if (syntax !== undefined) found.add(syntax, 'syntax');
  for (const instruction of instructionsOf(text)) file.read(instruction);
}

/** Directives precede everything else. */
function leadingComments(text: string): string {
  return /^(?:[ \t]*#[^\n]*\n|[ \t\r]*\n)*/.exec(`${text}\n`)?.[0] ?? '';
}

class Dockerfile {
  readonly #found: ImageFinder;
  readonly #stages = new Set(['scratch']);
  readonly #arguments = new Map<string, string>();
  #count = 0;

  constructor(found: ImageFinder) {
    this.#found = found;
  }

  read({ name, rest, line }: Instruction): void {
    if (name === 'ARG' && this.#count === 0) this.#argument(rest);
    else if (name === 'FROM') this.#from(rest, line);
    else if (name === 'COPY') this.#add(/^(?:--\S+\s+)*?--from=(\S+)/.exec(rest)?.[1], line);
    else if (name === 'RUN')
      for (const [, options = ''] of rest.matchAll(/--mount=(\S+)/g))
        this.#add(/(?:^|,)from=([^,]+)/.exec(options)?.[1], line);
  }

  /** Only those before the first stage count in `FROM`. */
  #argument(rest: string): void {
    for (const [, name = '', value] of rest.matchAll(/([A-Za-z_]\w*)(?:=("[^"]*"|'[^']*'|\S*))?/g)) {
      if (value === undefined) continue;
      this.#arguments.set(name, substitute(value.replace(/^(["'])(.*)\1$/, '$2'), this.#arguments).text);
    }
  }

  #from(rest: string, line: number): void {
    const words = rest.split(/\s+/).filter((word) => !word.startsWith('--'));
    this.#add(words[0], line);
    this.#stages.add(String(this.#count++));
    if (words[1]?.toUpperCase() === 'AS' && words[2] !== undefined) this.#stages.add(words[2].toLowerCase());
  }

  #add(written: string | undefined, line: number): void {
    if (written === undefined) return;
    const { text, unknown } = substitute(written, this.#arguments);
    if (unknown.length > 0)
      this.#found.refuse(`${written}: the argument ${unknown.join(', ')} has no default`, `line ${line}`);
    else if (text !== '' && !this.#stages.has(text.toLowerCase())) this.#found.add(text, `line ${line}`);
  }
}

function* instructionsOf(text: string): Generator<Instruction> {
  const lines = text.split(/\r?\n/);
  const escape = /^#\s*escape\s*=\s*`/im.test(leadingComments(text)) ? '`' : '\\';
  for (let i = 0; i < lines.length; i++) {
    const line = i + 1;
    let whole = '';
    for (let isMore = true; isMore && i < lines.length; i++) {
      const one = lines[i] ?? '';
      if (/^\s*#/.test(one)) continue;
      isMore = one.trimEnd().endsWith(escape);
      whole += isMore ? `${one.trimEnd().slice(0, -1)} ` : one;
    }
    i--;
    const [, name = '', rest = ''] = /^\s*([A-Za-z]+)\s+(.*)$/s.exec(whole) ?? [];
    // The text of a here-document is not part of the Dockerfile.
    if (/^(?:RUN|COPY|ADD)$/i.test(name))
      for (const [, , end] of rest.matchAll(HEREDOC)) while (++i < lines.length && lines[i]?.trim() !== end);
    yield { name: name.toUpperCase(), rest: rest.trim(), line };
  }
}
