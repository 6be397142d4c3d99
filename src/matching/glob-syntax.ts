/** An unsupported glob. The message continues a sentence that starts with the glob. */
export class GlobError extends Error {
  override readonly name = 'GlobError';
}

/** The segment `**`, which matches any number of segments. */
export const GLOBSTAR = '**';

/** The parts between the `*` of a segment, as regular expressions that match a fixed number of characters each. */
export type GlobSegment = typeof GLOBSTAR | readonly string[];

/** `path`: `/` separates segments, and wildcards do not match it. `text`: one segment, in which `/` is not special. */
export type GlobKind = 'path' | 'text';

/** The numbers of alternatives of several groups multiply. */
const MAX_ALTERNATIVES = 1000;

/**
 * Expands braces and groups: `{a,b}/c` becomes `a/c` and `b/c`. Groups are `(a|b)`, `@(a|b)` and `?(a|b)`.
 *
 * @throws {GlobError} for `*(…)`, `+(…)` and `!(…)`, and for more than 1000 alternatives
 */
export function alternativesOf(glob: string): string[] {
  const group = firstGroup(glob);
  if (group === undefined) return [glob];
  const before = glob.slice(0, group.start);
  const heads = group.choices.flatMap((choice) => alternativesOf(choice)).map((choice) => before + choice);
  const tails = alternativesOf(glob.slice(group.end));
  if (heads.length * tails.length > MAX_ALTERNATIVES)
    throw new GlobError(`has more than ${MAX_ALTERNATIVES} alternatives`);
  return heads.flatMap((head) => tails.map((tail) => head + tail));
}

interface Group {
  /** Index of the brace, or of the parenthesis or its prefix. */
  readonly start: number;
  /** Index after the group. */
  readonly end: number;
  readonly choices: readonly string[];
}

function firstGroup(glob: string): Group | undefined {
  for (let at = 0; at < glob.length; at = after(glob, at)) {
    if (glob[at] !== '{' && glob[at] !== '(') continue;
    const inner = choicesFrom(glob, at);
    // A brace with one choice, or without an end, is literal text.
    if (inner === undefined || (glob[at] === '{' && inner.choices.length === 1)) continue;
    return glob[at] === '{' ? { start: at, ...inner } : withQuantifier(glob, at, inner);
  }
  return undefined;
}

function withQuantifier(glob: string, at: number, { end, choices }: Omit<Group, 'start'>): Group {
  const before = glob[at - 1] ?? '';
  if ('*+!'.includes(before) && before !== '') throw new GlobError(`has ${before}(…), which is not supported`);
  if (before === '@') return { start: at - 1, end, choices };
  return before === '?' ? { start: at - 1, end, choices: ['', ...choices] } : { start: at, end, choices };
}

function choicesFrom(glob: string, open: number): Omit<Group, 'start'> | undefined {
  const separator = glob[open] === '{' ? ',' : '|';
  const closers: string[] = [];
  const choices: string[] = [];
  let begin = open + 1;
  for (let at = open; at < glob.length; at = after(glob, at)) {
    const char = glob[at] ?? '';
    if (char === '{' || char === '(') closers.push(char === '{' ? '}' : ')');
    else if (char === closers.at(-1)) closers.pop();
    else if (char !== separator || closers.length > 1) continue;
    if (closers.length > 1 || at === open) continue;
    if (closers.length === 1 && char !== separator) continue;
    choices.push(glob.slice(begin, at));
    begin = at + 1;
    if (closers.length === 0) return { end: at + 1, choices };
  }
  return undefined;
}

/** The index after the escaped character, class or single character at `at`. */
function after(glob: string, at: number): number {
  if (glob[at] === '\\') return at + 2;
  return glob[at] === '[' ? (classAt(glob, at)?.end ?? at + 1) : at + 1;
}

function classAt(glob: string, at: number): { readonly source: string; readonly end: number } | undefined {
  const [whole, negation, chars = ''] = /^\[([!^]?)(\]?(?:\\.|[^\]\\])*)\]/s.exec(glob.slice(at)) ?? [];
  if (whole === undefined || chars === '') return undefined;
  const escaped = chars.replace(
    /\\(.)|([[\]^\\])/gs,
    (_, literal: string | undefined, char: string) => `\\${literal ?? char}`,
  );
  return { source: `(?!/)[${negation ? '^' : ''}${escaped}]`, end: at + whole.length };
}

/** Parses a glob without braces and groups: the result of {@link alternativesOf}. */
export function parseSegments(glob: string, kind: GlobKind): GlobSegment[] {
  const isPath = kind === 'path';
  const segments: GlobSegment[] = [];
  let pieces = [''];
  const add = (source: string) => pieces.push((pieces.pop() ?? '') + source);
  for (let at = 0; at < glob.length; ) {
    const char = glob[at] ?? '';
    const [stars = ''] = /^\*+/.exec(glob.slice(at)) ?? [];
    const found = char === '[' ? classAt(glob, at) : undefined;
    if (char === '/' && isPath) segments.push(segmentOf(pieces));
    if (char === '/' && isPath) pieces = [''];
    else if (stars !== '') pieces.push(...Array.from(stars, () => ''));
    else if (char === '?') add(anyCharacter(kind));
    else if (found) add(isPath ? found.source : found.source.replace('(?!/)', ''));
    else add(escape(char === '\\' ? (glob[at + 1] ?? '\\') : char));
    at = stars === '' ? after(glob, at) : at + stars.length;
  }
  return [...segments, segmentOf(pieces)];
}

/** A segment that consists of two or more stars is a globstar; elsewhere several stars mean the same as one. */
function segmentOf(pieces: readonly string[]): GlobSegment {
  if (pieces.length > 2 && pieces.every((piece) => piece === '')) return GLOBSTAR;
  return pieces.filter((piece, i) => piece !== '' || i === 0 || i === pieces.length - 1);
}

/** A regular expression for one character. */
export function anyCharacter(kind: GlobKind): string {
  return kind === 'path' ? '[^/]' : '[^]';
}

function escape(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');
}
