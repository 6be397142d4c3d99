import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

import { htpasswdOf } from '../auth/htpasswd-file.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { sendRequest } from '../support/http-client.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export const TOKEN = 'correct-horse';
export const API = '/admin/api/v1';

/** One for all files of tests in the process: they share the modules that they import. */
const directory = await temporaryDirectory();
const htpasswd = join(directory.path, 'htpasswd');
export const writeUsers = async (users: Record<string, string>) => {
  await rm(htpasswd, { force: true }); // a new file, whatever its time
  await writeFile(htpasswd, await htpasswdOf(users));
};
export const USERS = { alice: 'apw', bob: 'bpw', carol: 'cpw' };
export const AUTH = {
  htpasswd: { realm: 'x', path: htpasswd },
  policy: [
    { users: ['alice'], actions: ['admin'] },
    { users: ['bob'], repositories: ['team/**'], actions: ['pull'] },
  ],
};

/** Has the users of {@link USERS} in all tests of the file. */
export function withUsers(): void {
  beforeAll(async () => {
    await mkdir(directory.path, { recursive: true });
    await writeUsers(USERS);
  });
  afterAll(() => directory[Symbol.asyncDispose]());
}

interface Sent {
  readonly method?: string;
  readonly cookie?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

interface Received {
  readonly [key: string]: unknown;
  readonly error?: { readonly reason: string };
}

/** As a page of the dashboard sends it, unless headers are given. */
export async function call(layover: Layover, path: string, { method = 'GET', cookie, headers, body }: Sent = {}) {
  const sent = { ...(headers ?? { 'sec-fetch-site': 'same-origin' }), ...(cookie !== undefined && { cookie }) };
  const json = Buffer.from(JSON.stringify(body ?? {}));
  const response = await sendRequest(`${layover.url}${API}${path}`, {
    method,
    headers: method === 'GET' ? sent : { 'content-type': 'application/json', 'content-length': json.length, ...sent },
    ...(method !== 'GET' && { body: json }),
  });
  const text = response.body.toString();
  return {
    status: response.status,
    headers: response.headers,
    json: (text.startsWith('{') ? JSON.parse(text) : {}) as Received,
    cookie: response.headers['set-cookie']?.[0]?.split(';')[0],
  };
}

export const signIn = (layover: Layover, user: string, password: string, sent: Sent = {}) =>
  call(layover, '/session', { method: 'POST', body: { user, password }, ...sent });

export const start = (config: ConfigObject = {}, clock?: FakeClock) =>
  Layover.start({ config: { auth: AUTH, ...config }, ...(clock && { clock }) });
