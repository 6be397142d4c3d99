/** A part of a Go template: plain text, or the words of one action. */
export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly words: readonly string[]; readonly line: number };

/** Strings, numbers, `:=`, names with fields, and single characters. White space separates operands, so it is a word too. */
const WORD = /"(?:[^"\\\n]|\\.)*"|`[^`]*`|:=|\$?[\p{L}_][\p{L}\d_]*|\$|-?\d+(?:\.\d+)?|[|().=,]|\s+/uy;
const COMMENT = /^\s*\/\*[^]*?\*\/\s*$/;

/**
 * Splits a template at its actions, and trims text next to `{{-` and `-}}`.
 *
 * @throws {Error} with the line, for an action that does not end or holds an unknown character
 * @see https://pkg.go.dev/text/template#hdr-Text_and_spaces
 */
export function splitTemplate(source: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  let trimNext = false;
  const addText = (text: string, trimEnd: boolean) => {
    let kept = trimNext ? text.trimStart() : text;
    if (trimEnd) kept = kept.trimEnd();
    if (kept !== '') parts.push({ kind: 'text', text: kept });
  };
  for (let open = source.indexOf('{{'); open !== -1; open = source.indexOf('{{', at)) {
    const line = source.slice(0, open).split('\n').length;
    const end = endOfAction(source, open, line);
    const inner = source.slice(open + 2, end);
    const trimEnd = /^-\s/.test(inner);
    addText(source.slice(at, open), trimEnd);
    trimNext = /\s-$/.test(inner);
    const code = inner.slice(trimEnd ? 1 : 0, trimNext ? -1 : undefined);
    if (!COMMENT.test(code)) parts.push({ kind: 'action', words: splitWords(code.trim(), line), line });
    at = end + 2;
  }
  addText(source.slice(at), false);
  return parts;
}

/** The `}}` that is not inside of a string or a comment. */
function endOfAction(source: string, open: number, line: number): number {
  const isComment = /^\{\{(?:-\s)?\s*\/\*/.test(source.slice(open, open + 20));
  const endOfComment = isComment ? source.indexOf('*/', open) : open;
  if (endOfComment === -1) throw new Error(`line ${line}: unclosed comment`);
  const skip = /"(?:[^"\\\n]|\\.)*"|`[^`]*`|\}\}|[^]/gy;
  skip.lastIndex = endOfComment + 2;
  for (let match = skip.exec(source); match; match = skip.exec(source)) {
    if (match[0] === '}}') return match.index;
  }
  throw new Error(`line ${line}: unclosed action`);
}

function splitWords(code: string, line: number): string[] {
  const words: string[] = [];
  for (let at = 0; at < code.length; at = WORD.lastIndex) {
    WORD.lastIndex = at;
    const [word] = WORD.exec(code) ?? [];
    if (word === undefined) throw new Error(`line ${line}: unexpected ${code.slice(at, at + 10)}`);
    words.push(/^\s/.test(word) ? ' ' : word);
  }
  return words;
}
