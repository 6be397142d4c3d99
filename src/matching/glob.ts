import { alternativesOf, anyOf, GLOBSTAR, type GlobSegment, segmentsOf } from './glob-syntax.ts';

/**
 * Globs over names whose parts `/` separates: `*` is any text within a part, `**` any number of parts, `?` one character, `[a-z]` one
 * of a class, `{a,b}` either; `!` before all of it, anything else.
 *
 * Matching takes time linear in the name for each part of the glob: names come from strangers.
 *
 * @returns whether one of them matches
 * @throws {GlobError}
 */
export function matchGlobs(globs: readonly string[]): (name: string) => boolean {
  return matcherOf(globs, true);
}

/** The same over text that has no parts, such as names of users: `*` is any text. @throws {GlobError} */
export function matchTextGlobs(globs: readonly string[]): (text: string) => boolean {
  return matcherOf(globs, false);
}

/** Whether text is more than a name that stands for itself. */
export function isGlob(text: string): boolean {
  return /[*?[{(\\]|^!/.test(text);
}

function matcherOf(globs: readonly string[], isPath: boolean): (text: string) => boolean {
  const matched = globs.filter((glob) => !isNegated(glob)).flatMap((glob) => alternativesOf(glob));
  const expressions = matched.length === 0 ? [] : [expressionOf(matched, isPath)];
  const negated = globs.filter(isNegated).map((glob) => expressionOf(alternativesOf(glob.slice(1)), isPath));
  return (text) => expressions.some((it) => it.test(text)) || negated.some((it) => !it.test(text));
}

function isNegated(glob: string): boolean {
  return glob.startsWith('!') && glob[1] !== '(';
}

function expressionOf(alternatives: readonly string[], isPath: boolean): RegExp {
  const once = new Once();
  const sources = alternatives.map((glob) => pathSource(segmentsOf(glob, isPath), isPath, once));
  return new RegExp(`^(?:${sources.join('|')})$`);
}

/**
 * Makes parts of an expression that are matched once and never tried at another place. After a star, the first place at which the text
 * up to the next star matches is as good as any, so nothing is lost; and nothing is tried twice.
 */
class Once {
  #count = 0;

  of(source: string): string {
    const name = `g${this.#count++}`;
    return `(?=(?<${name}>${source}))\\k<${name}>`;
  }
}

const ANY_SEGMENTS = '(?:[^/]*/)*';

function pathSource(segments: readonly GlobSegment[], isPath: boolean, once: Once): string {
  const groups: string[][] = [[]];
  for (const segment of segments) {
    if (segment === GLOBSTAR) groups.push([]);
    else groups.at(-1)?.push(segmentSource(segment, isPath, once));
  }
  const [first = [], ...rest] = groups.map((group) => group.join('/'));
  const last = rest.pop();
  if (last === undefined) return first as string;
  const isOpen = segments.findLast((segment) => segment !== GLOBSTAR)?.at(-1) === '';
  return starredSource({ first: first as string, between: rest.filter(Boolean), last, isOpen }, once);
}

interface Starred {
  readonly first: string;
  readonly between: readonly string[];
  readonly last: string;
  /** A `*` is before the last `**`. */
  readonly isOpen: boolean;
}

/** With at least one `**`: what is before the first one, between them, and after the last one. */
function starredSource({ first, between, last, isOpen }: Starred, once: Once): string {
  const start = first && `${first}/`;
  const step = (group: string, end: string) => once.of(`${ANY_SEGMENTS}?${group}${end}`);
  if (last !== '') return start + between.map((group) => step(group, '/')).join('') + ANY_SEGMENTS + last;
  // `a/**` is also `a` itself, and `*/**` has at least two parts.
  const below = isOpen ? '/[^]*' : '(?:/[^]*)?';
  const end = between.at(-1);
  if (end === undefined) return first === '' ? '[^]*' : `${first}${below}`;
  return `${start}${between
    .slice(0, -1)
    .map((group) => step(group, '/'))
    .join('')}${step(end, '(?=/|$)')}${below}`;
}

/** Whether one part of a name matches a segment. */
export function matchSegment(segment: Exclude<GlobSegment, typeof GLOBSTAR>, part: string): boolean {
  return new RegExp(`^(?:${segmentSource(segment, true, new Once())})$`).test(part);
}

function segmentSource(pieces: readonly string[], isPath: boolean, once: Once): string {
  const any = anyOf(isPath);
  const [first = '', ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) return first;
  if (rest.length === 0 && first === '' && last === '') return `${any}+`;
  return `${first}${rest.map((piece) => once.of(`${any}*?${piece}`)).join('')}${any}*${last}`;
}
