/** Longer texts are cut. UTF-16 units. */
const MAX_LENGTH = 4_096;

/**
 * Characters that are not seen, or that change how others are shown: control and format characters, which include those of direction and
 * width zero; separators of lines; and what looks like nothing.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]/gu;

export interface VisibleOptions {
  /** Line feeds and tabs stay. @default false */
  readonly isMultiline?: boolean;
  readonly maxLength?: number;
}

/** Text from elsewhere as it may be shown: every character is seen. */
export function visibleText(
  text: string,
  { isMultiline = false, maxLength = MAX_LENGTH }: VisibleOptions = {},
): string {
  const cut = text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`;
  return cut.replace(UNSEEN, (character) => (isMultiline && /[\n\t]/.test(character) ? character : escaped(character)));
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** An address that a link may lead to. @returns undefined for anything but `http` and `https` */
export function webAddress(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' ? url : undefined;
}

/** An argument of a command, quoted unless it is plain; on one line. */
export function shellArgument(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '');
  return /^[\w./:@=+-]+$/.test(line) ? line : `'${line.replaceAll("'", `'\\''`)}'`;
}
