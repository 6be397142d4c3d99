export type LogValue = string | number | boolean;

/** Plain values only, so that no object with secrets in it is logged. A field that is undefined is left out. */
export type LogFields = Readonly<Record<string, LogValue | undefined>>;

/** logrus leaves a value bare when it is made of these alone, empty included. */
const BARE = /^[\w\-./@^+]*$/;
/** Printable ASCII that needs quotes and no escapes. Most values of access lines are such, and JSON costs twice as much. */
const PLAIN = /^[ !#-[\]-~]*$/;
/** Printable ASCII, which `%q` and JSON quote alike. */
const ASCII = /^[ -~]*$/;
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** ` key=value` for each field that has a value, in the order given. */
export function formatFields(fields: LogFields): string {
  let text = '';
  for (const key in fields) {
    const value = fields[key];
    if (value !== undefined) text += ` ${key}=${formatValue(value)}`;
  }
  return text;
}

/** A value as logrus' text formatter writes it: bare when it can be, else as Go's `%q`. */
export function formatValue(value: LogValue): string {
  if (typeof value !== 'string') return `${value}`;
  if (BARE.test(value)) return value;
  if (PLAIN.test(value)) return `"${value}"`;
  return ASCII.test(value) ? JSON.stringify(value) : `"${Array.from(value, escapeCharacter).join('')}"`;
}

function escapeCharacter(character: string): string {
  const escape = ESCAPES[character];
  if (escape !== undefined) return escape;
  if (PRINTABLE.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0xd800 && code <= 0xdfff) return '\ufffd';
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

/** In the form of Go's `time.Duration`, like distribution's log. */
export function formatDuration(durationMs: number): string {
  return `${Math.round(durationMs * 1000) / 1000}ms`;
}
