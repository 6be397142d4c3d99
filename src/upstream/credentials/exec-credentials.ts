import { askHelper } from './credential-helper.ts';
import type { Credentials, CredentialsSource } from './credentials.ts';

export interface ExecCredentialsOptions {
  readonly command: string;
  /** Milliseconds an answer is used; undefined: for ever; 0: for one token. */
  readonly lifetimeMs: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** A credential helper named in the configuration. Runs once for callers that come together; a failure is not kept. */
export function execCredentials({ command, lifetimeMs, env, now }: ExecCredentialsOptions): CredentialsSource {
  const answers = new Map<string, { readonly found: Promise<Credentials | undefined>; expiresAt: number }>();

  const find = async (host: string) => {
    const known = answers.get(host);
    if (known && now() < known.expiresAt) return known.found;
    const answer = { found: askHelper({ command, server: host, env }), expiresAt: Infinity };
    answers.set(host, answer);
    try {
      const found = await answer.found;
      if (lifetimeMs !== undefined) answer.expiresAt = now() + lifetimeMs;
      return found;
    } catch (err) {
      answers.delete(host);
      throw err;
    }
  };
  return { kind: 'exec', knowsHosts: false, find };
}
