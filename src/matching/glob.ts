import {
  alternativesOf,
  anyCharacter,
  GLOBSTAR,
  type GlobKind,
  type GlobSegment,
  parseSegments,
} from './glob-syntax.ts';

/**
 * Matches names with segments separated by `/`: `*` is any text within a segment, `**` any number of segments, `?` one character,
 * `[a-z]` one of a class, `{a,b}` either; a leading `!` negates the glob.
 *
 * Matching takes time linear in the length of the name for each part of the glob, because names come from untrusted clients.
 *
 * @returns whether a name matches at least one of the globs
 * @throws {GlobError}
 */
export function matchGlobs(globs: readonly string[]): (name: string) => boolean {
  return createMatcher(globs, 'path');
}

/** Like {@link matchGlobs}, for text without segments, such as user names: `*` is any text. @throws {GlobError} */
export function matchTextGlobs(globs: readonly string[]): (text: string) => boolean {
  return createMatcher(globs, 'text');
}

/** Whether the text has a special meaning as a glob; otherwise it matches only itself. */
export function isGlob(text: string): boolean {
  return /[*?[{(\\]|^!/.test(text);
}

function createMatcher(globs: readonly string[], kind: GlobKind): (text: string) => boolean {
  const matched = globs.filter((glob) => !isNegated(glob)).flatMap((glob) => alternativesOf(glob));
  const expressions = matched.length === 0 ? [] : [expressionOf(matched, kind)];
  const negated = globs.filter(isNegated).map((glob) => expressionOf(alternativesOf(glob.slice(1)), kind));
  return (text) => expressions.some((it) => it.test(text)) || negated.some((it) => !it.test(text));
}

function isNegated(glob: string): boolean {
  return glob.startsWith('!') && glob[1] !== '(';
}

function expressionOf(alternatives: readonly string[], kind: GlobKind): RegExp {
  const atomic = new AtomicGroups();
  const sources = alternatives.map((glob) => globSource(parseSegments(glob, kind), kind, atomic));
  return new RegExp(`^(?:${sources.join('|')})$`);
}

/**
 * Builds atomic groups: parts of an expression without backtracking. After a star, the first position at which the text up to
 * the next star matches is as good as any later one, so no match is missed.
 */
class AtomicGroups {
  #count = 0;

  of(source: string): string {
    const name = `g${this.#count++}`;
    return `(?=(?<${name}>${source}))\\k<${name}>`;
  }
}

const ANY_SEGMENTS = '(?:[^/]*/)*';

function globSource(segments: readonly GlobSegment[], kind: GlobKind, atomic: AtomicGroups): string {
  const groups: string[][] = [[]];
  for (const segment of segments) {
    if (segment === GLOBSTAR) groups.push([]);
    else groups.at(-1)?.push(segmentSource(segment, kind, atomic));
  }
  const [first = [], ...rest] = groups.map((group) => group.join('/'));
  const last = rest.pop();
  if (last === undefined) return first as string;
  const isOpen = segments.findLast((segment) => segment !== GLOBSTAR)?.at(-1) === '';
  return globstarSource({ first: first as string, between: rest.filter(Boolean), last, isOpen }, atomic);
}

/** A glob with at least one `**`: the parts before the first one, between them, and after the last one. */
interface GlobstarParts {
  readonly first: string;
  readonly between: readonly string[];
  readonly last: string;
  /** A `*` is directly before the last `**`. */
  readonly isOpen: boolean;
}

function globstarSource({ first, between, last, isOpen }: GlobstarParts, atomic: AtomicGroups): string {
  const start = first && `${first}/`;
  const step = (group: string, end: string) => atomic.of(`${ANY_SEGMENTS}?${group}${end}`);
  if (last !== '') return start + between.map((group) => step(group, '/')).join('') + ANY_SEGMENTS + last;
  // `a/**` also matches `a` itself, and `*/**` requires at least two segments.
  const below = isOpen ? '/[^]*' : '(?:/[^]*)?';
  const end = between.at(-1);
  if (end === undefined) return first === '' ? '[^]*' : `${first}${below}`;
  return `${start}${between
    .slice(0, -1)
    .map((group) => step(group, '/'))
    .join('')}${step(end, '(?=/|$)')}${below}`;
}

/** Whether one segment of a name matches. */
export function matchSegment(segment: Exclude<GlobSegment, typeof GLOBSTAR>, text: string): boolean {
  return new RegExp(`^(?:${segmentSource(segment, 'path', new AtomicGroups())})$`).test(text);
}

function segmentSource(pieces: readonly string[], kind: GlobKind, atomic: AtomicGroups): string {
  const any = anyCharacter(kind);
  const [first = '', ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) return first;
  if (rest.length === 0 && first === '' && last === '') return `${any}+`;
  return `${first}${rest.map((piece) => atomic.of(`${any}*?${piece}`)).join('')}${any}*${last}`;
}
