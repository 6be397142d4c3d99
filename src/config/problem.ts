/** Where a value came from. */
export type Origin =
  | { readonly file: string; readonly line: number; readonly column: number }
  | { readonly variable: string };

/** Keys and list indexes from the root. */
export type KeyPath = readonly (string | number)[];

/** A problem or a warning. Never contains a value that may be a secret. */
export interface Problem {
  readonly origin: Origin;
  readonly path: KeyPath;
  readonly message: string;
}

/** A problem without its position. */
export interface Finding {
  readonly path: KeyPath;
  /** The position to report. */
  readonly part: 'key' | 'value';
  readonly message: string;
  /** A conflicting key; its position is appended to the message. */
  readonly other?: KeyPath;
}

/** The configuration cannot be used. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** Every problem found, one line each, in the order of the file and then of the environment. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`invalid configuration:\n  ${problems.join('\n  ')}`);
    this.problems = problems;
  }
}

/** `config.yml:6:14 proxy.remoteurl: must be …`, or the variable's name instead of the position. */
function formatProblem({ origin, path, message }: Problem): string {
  const where = formatOrigin(origin);
  return path.length === 0 ? `${where}: ${message}` : `${where} ${formatPath(path)}: ${message}`;
}

/** `config.yml:6:14`, or the variable's name. */
export function formatOrigin(origin: Origin): string {
  return 'file' in origin ? `${origin.file}:${origin.line}:${origin.column}` : origin.variable;
}

/** `proxy.upstreams[0].remoteurl` */
function formatPath(path: KeyPath): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('');
}

/** In the order of the file, then of the variables; each line once. */
export function formatProblems(problems: readonly Problem[]): string[] {
  return [...new Set([...problems].sort((a, b) => compareOrigins(a.origin, b.origin)).map(formatProblem))];
}

function compareOrigins(a: Origin, b: Origin): number {
  if ('file' in a && 'file' in b) return a.line - b.line || a.column - b.column;
  if ('variable' in a && 'variable' in b) return a.variable < b.variable ? -1 : Number(a.variable > b.variable);
  return 'file' in a ? -1 : 1;
}
