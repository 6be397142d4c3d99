/** Longer user agents and names of clients are cut off. UTF-16 units. */
const MAX_LENGTH = 256;
/** Control and format characters, with those that change the direction of text; separators of lines. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Text from a client, short enough to be kept. A copy: a cut string would keep the whole one in memory. */
export function boundedText(text: string): string {
  return text.length <= MAX_LENGTH ? text : Buffer.from(text.slice(0, MAX_LENGTH), 'utf8').toString('utf8');
}

/** Text that can be printed in a terminal, on one line. */
export function printableText(text: string): string {
  return text.replace(UNPRINTABLE, '?');
}
