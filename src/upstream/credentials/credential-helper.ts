import { execFile, type ExecFileException } from 'node:child_process';

import { type Credentials, CredentialsError } from './credentials.ts';

export interface HelperCall {
  readonly command: string;
  /** What the helper is asked about: a host, or a URL for Docker Hub. */
  readonly server: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds. @default 10 000 */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** Bytes. */
const MAX_OUTPUT = 64 * 1024;
/** A user name that says the secret is an identity token. */
const IDENTITY_TOKEN_USER = '<token>';

/**
 * Runs `<command> get` and asks it about one server. Its output is a secret and goes nowhere else, errors included.
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
  // Helpers that have nothing answer so, or with an error; both are seen.
  return username === '' && secret === '' ? undefined : { kind: 'basic', username, password: secret };
}

function run({ command, server, env, timeoutMs = DEFAULT_TIMEOUT_MS }: HelperCall): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...env }, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT } as const;
    const child = execFile(command, ['get'], options, (error, stdout) => {
      if (!error) resolve(stdout);
      else if (stdout.includes('credentials not found')) resolve(undefined);
      else reject(new CredentialsError(`${command} ${problemOf(error)}`));
    });
    // A helper that ends without reading its input breaks the pipe; its exit code says the rest.
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
