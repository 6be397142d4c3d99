import { execFile, type ExecFileException } from 'node:child_process';

import { type Credentials, CredentialsError } from './credentials.ts';

export interface HelperCall {
  readonly command: string;
  /** A host, or a URL for Docker Hub. */
  readonly server: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds. @default 10 000 */
  readonly timeoutMs?: number;
}

export interface HelperCacheOptions {
  /** How long a result is used, in milliseconds: 0 for one use. Absent when it is used until it is forgotten. */
  readonly lifetimeMs: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Unix milliseconds. */
  readonly now: () => number;
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** Bytes. */
const MAX_OUTPUT = 64 * 1024;
/** With this user name, the secret is an identity token. */
const IDENTITY_TOKEN_USER = '<token>';

/**
 * Runs `<command> get` for one server. Its output is a secret and goes nowhere else, errors included.
 *
 * @returns undefined when the helper has nothing for the server
 * @throws {CredentialsError}
 * @see https://github.com/docker/docker-credential-helpers#development
 */
export async function runHelper(call: HelperCall): Promise<Credentials | undefined> {
  const output = await run(call);
  if (output === undefined) return undefined;
  const { username, secret } = parseOutput(output);
  if (username === IDENTITY_TOKEN_USER) return { kind: 'identity-token', token: secret };
  // Helpers that have nothing print empty values, or fail; both are seen.
  return username === '' && secret === '' ? undefined : { kind: 'basic', username, password: secret };
}

/** Results of credential helpers. Each helper runs once for concurrent callers; a failure is not cached. */
export class HelperCache {
  readonly #options: HelperCacheOptions;
  readonly #results = new Map<string, { readonly found: Promise<Credentials | undefined>; expiresAt: number }>();

  constructor(options: HelperCacheOptions) {
    this.#options = options;
  }

  /** @throws {CredentialsError} */
  async find(command: string, server: string): Promise<Credentials | undefined> {
    const { env, now, lifetimeMs } = this.#options;
    const key = `${command}\n${server}`;
    const known = this.#results.get(key);
    if (known && now() < known.expiresAt) return known.found;
    const result = { found: runHelper({ command, server, env }), expiresAt: Infinity };
    this.#results.set(key, result);
    try {
      const found = await result.found;
      if (lifetimeMs !== undefined) result.expiresAt = now() + lifetimeMs;
      return found;
    } catch (err) {
      this.#results.delete(key);
      throw err;
    }
  }

  /** The next {@link find} runs the helper again. */
  forget(): void {
    this.#results.clear();
  }
}

function run({ command, server, env, timeoutMs = DEFAULT_TIMEOUT_MS }: HelperCall): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...env }, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT } as const;
    const child = execFile(command, ['get'], options, (error, stdout) => {
      if (!error) resolve(stdout);
      else if (stdout.includes('credentials not found')) resolve(undefined);
      else reject(new CredentialsError(`${command} ${problemOf(error)}`));
    });
    // A helper that exits without reading its input breaks the pipe; its exit code has the reason.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(`${server}\n`);
  });
}

function problemOf(error: ExecFileException): string {
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'wrote too much';
  if (error.killed) return 'did not respond in time';
  if (typeof error.code === 'number') return `ended with exit code ${error.code}`;
  return `cannot be run: ${error.code ?? error.signal ?? 'unknown failure'}`;
}

function parseOutput(output: string): { username: string; secret: string } {
  try {
    const parsed = JSON.parse(output) as { Username?: unknown; Secret?: unknown } | null;
    if (typeof parsed?.Username === 'string' && typeof parsed.Secret === 'string') {
      return { username: parsed.Username, secret: parsed.Secret };
    }
  } catch {
    // The syntax error would quote the secret.
  }
  throw new CredentialsError('the helper printed no Username and Secret');
}
