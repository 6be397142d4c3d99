/** Parses a line of logrus' text format; values like Go's `strconv.Unquote`. */
export function parseTextLine(line: string): Record<string, string> {
  const pair = /([^\s=]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?: |$)/gy;
  const fields: Record<string, string> = {};
  while (pair.lastIndex < line.length) {
    const match = pair.exec(line);
    if (match === null) throw new Error(`not key=value: ${line}`);
    const [, key = '', value = ''] = match;
    fields[key] = value.startsWith('"') ? unquote(value.slice(1, -1)) : value;
  }
  return fields;
}

const SINGLE: Readonly<Record<string, string>> = { a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function unquote(text: string): string {
  return text.replace(/\\(?:x(..)|u(....)|U(.{8})|(.))/g, (_, x?: string, u?: string, long?: string, single = '') => {
    const code = x ?? u ?? long;
    return code === undefined ? (SINGLE[single] ?? single) : String.fromCodePoint(Number.parseInt(code, 16));
  });
}
