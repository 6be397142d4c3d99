/** `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+other}`. */
const VARIABLE = /\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-+])([^{}]*))?\})/g;

export interface Substituted {
  readonly text: string;
  /** Variables without a value and without a default. */
  readonly unknown: readonly string[];
}

/** Replaces variables as a shell, a Dockerfile or a compose file does. */
export function substitute(text: string, values: ReadonlyMap<string, string>): Substituted {
  const unknown: string[] = [];
  const replaced = text.replace(VARIABLE, (_, ...groups: (string | undefined)[]) => {
    const [plain, braced, operator, word = ''] = groups;
    const name = plain ?? braced ?? '';
    const value = values.get(name);
    const isSet = value !== undefined && (value !== '' || operator?.startsWith(':') !== true);
    if (operator?.endsWith('+')) return isSet ? word : '';
    if (isSet) return value;
    if (operator === undefined) unknown.push(name);
    return word;
  });
  return { text: replaced, unknown };
}
