import type { StatedLimit } from './bucket.ts';

/**
 * The limit in a token of Docker Hub: `access[].parameters.pull_limit` and `.pull_limit_interval`, in seconds. Paid accounts have none. The
 * token is not verified: it is only about how the registry treats this process.
 */
export function limitOfToken(token: string): StatedLimit | undefined {
  const [, payload = ''] = token.split('.');
  const access = fieldOf(parse(payload), 'access');
  for (const each of Array.isArray(access) ? access : []) {
    const parameters = fieldOf(each, 'parameters');
    const limit = countOf(fieldOf(parameters, 'pull_limit'));
    const seconds = countOf(fieldOf(parameters, 'pull_limit_interval'));
    if (limit !== undefined) return { limit, windowMs: seconds && seconds * 1_000 };
  }
  return undefined;
}

function parse(payload: string): unknown {
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** A number, or one as text. */
function countOf(value: unknown): number | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
