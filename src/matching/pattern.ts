/** A compiled regular expression from the configuration. */
export interface Pattern {
  readonly source: string;
  /** Whether the text contains a match, or is one as a whole. */
  test(text: string): boolean;
}

/** A pattern that RE2 rejects; the message is the reason. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

/**
 * Compiles a regular expression in Go's syntax, as in distribution's configuration. Matching takes time linear in the length of
 * the text for every pattern, because texts come from untrusted clients.
 *
 * @see https://github.com/google/re2/wiki/Syntax
 * @throws {PatternError}
 */
export async function compilePattern(source: string): Promise<Pattern> {
  const compiled = await compile(source);
  return { source, test: (text) => compiled.test(text) };
}

/** As {@link compilePattern}, but the whole text has to match. @throws {PatternError} */
export async function compileWholePattern(source: string): Promise<Pattern> {
  const compiled = await compile(source);
  return { source, test: (text) => compiled.matches(text) };
}

async function compile(source: string) {
  const { RE2JS, RE2JSException } = await import('re2js');
  try {
    return RE2JS.compile(source);
  } catch (err) {
    if (!(err instanceof RE2JSException)) throw err;
    // The text after the colon repeats a part of the pattern.
    throw new PatternError(err.message.replace(/^error parsing regexp: |:? `[^]*$/g, ''));
  }
}
