import { randomBytes } from 'node:crypto';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { AuthEvents } from './auth-events.ts';
import { DEFAULT_COST, hashPassword } from './passwords.ts';

/** Users with their bcrypt hashes. */
export interface Users {
  readonly hashes: ReadonlyMap<string, string>;
  /** Highest cost of the hashes. */
  readonly cost: number;
}

export interface SkippedLine {
  readonly line: number;
  readonly reason: string;
}

const BCRYPT = /^\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
/** 2²⁰ rounds take a minute. */
const MAX_COST = 20;

/** The format of Apache's `htpasswd -B`: one `user:hash` per line; empty lines and comments (`#`) are skipped. */
export function parseHtpasswd(text: string): { readonly users: Users; readonly ignored: readonly SkippedLine[] } {
  const hashes = new Map<string, string>();
  const ignored: SkippedLine[] = [];
  let highest = 0;
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const hashed = line.slice(colon + 1);
    const cost = Number(BCRYPT.exec(hashed)?.[1]);
    const reason = findMistake(colon, cost);
    if (reason !== undefined) ignored.push({ line: i + 1, reason });
    else hashes.set(line.slice(0, colon), hashed);
    if (reason === undefined) highest = Math.max(highest, cost);
  }
  return { users: { hashes, cost: highest || DEFAULT_COST }, ignored };
}

function findMistake(colon: number, cost: number): string | undefined {
  if (colon < 1) return 'not user:hash';
  if (Number.isNaN(cost)) return 'the hash is not bcrypt (create it with htpasswd -B)';
  return cost < 4 || cost > MAX_COST ? `the cost of the hash is ${cost}, not 4 to ${MAX_COST}` : undefined;
}

/** Without a file, creates one with a single user, like distribution. Its password is logged once. */
export async function provideHtpasswd(path: string, events: AuthEvents): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    (err: NodeJS.ErrnoException) => err.code !== 'ENOENT', // other failures are reported when the file is read
  );
  if (isThere) return;
  const password = randomBytes(32).toString('base64url');
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, `docker:${await hashPassword(password)}\n`, { flag: 'wx', mode: 0o600 });
  events.userCreated({ path, user: 'docker', password });
}
