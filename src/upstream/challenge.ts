export interface Challenge {
  /** Lower case, such as `bearer`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const SEPARATORS = /[\s,]*/y;
// Values without quotes may contain more than the grammar allows: some servers send URLs without quotes.
const PARAMETER = new RegExp(`(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]+))`, 'y');
const SCHEME = new RegExp(`(${TOKEN})(?=[\\s,]|$)`, 'y');
const TOKEN68 = /\s+[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))/y;

/**
 * All challenges of a `WWW-Authenticate` header. Text after a syntax error is ignored.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  const cursor = { at: 0 };
  for (;;) {
    take(header, SEPARATORS, cursor);
    const parameter = take(header, PARAMETER, cursor);
    if (parameter) {
      const [, name = '', quoted, bare = ''] = parameter;
      challenges.at(-1)?.parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare);
      continue;
    }
    const scheme = take(header, SCHEME, cursor)?.[1];
    if (scheme === undefined) return challenges;
    challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
    take(header, TOKEN68, cursor);
  }
}

function take(text: string, pattern: RegExp, cursor: { at: number }): RegExpExecArray | undefined {
  pattern.lastIndex = cursor.at;
  const match = pattern.exec(text);
  if (!match) return undefined;
  cursor.at = pattern.lastIndex;
  return match;
}
