/** A regular expression that the configuration gives. */
export interface Pattern {
  readonly source: string;
  /** Whether it is found in the text. */
  test(text: string): boolean;
}

/** What RE2 refuses; the message says why. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

/**
 * A regular expression in Go's syntax, as distribution's configuration has it. Matching takes time linear in the text, whatever the pattern
 * is: texts come from strangers.
 *
 * @see https://github.com/google/re2/wiki/Syntax
 * @throws {PatternError}
 */
export async function compilePattern(source: string): Promise<Pattern> {
  const { RE2JS, RE2JSException } = await import('re2js');
  try {
    const compiled = RE2JS.compile(source);
    return { source, test: (text) => compiled.test(text) };
  } catch (err) {
    if (!(err instanceof RE2JSException)) throw err;
    // What follows the colon repeats a piece of the pattern.
    throw new PatternError(err.message.replace(/^error parsing regexp: |:? `[^]*$/g, ''));
  }
}
