import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { htpasswdOf } from '../auth/htpasswd-file.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export interface PushScene extends AsyncDisposable {
  readonly layover: Layover;
  /** Host and port by which clients know Layover; what they send can be counted and broken here. */
  readonly registry: string;
  readonly tap: FaultProxy;
}

/** Layover with nothing in it, which has no upstream unless the configuration says so. */
export async function startPushScene(config: ConfigObject = {}): Promise<PushScene> {
  const deletes = { storage: { delete: { enabled: true } } };
  const layover = await Layover.startProcess({ config: { ...deletes, ...config } });
  try {
    const tap = await FaultProxy.start(layover.port);
    const dispose = async () => {
      await tap[Symbol.asyncDispose]();
      await layover[Symbol.asyncDispose]();
    };
    return { layover, tap, registry: new URL(tap.url).host, [Symbol.asyncDispose]: dispose };
  } catch (err) {
    await layover[Symbol.asyncDispose]();
    throw err;
  }
}

export const USER = { name: 'alice', password: 'correct horse' };

/** By name of the way: a password with each request, or once for a token. */
export const LOGINS = {
  htpasswd: {},
  'the built-in issuer': { issuer: {} },
} as const;

export type Login = keyof typeof LOGINS;

/** What a client that asks for no token says who it is with. */
export const AUTHORIZATION = `Basic ${Buffer.from(`${USER.name}:${USER.password}`).toString('base64')}`;

/** Layover lets nobody in but {@link USER}. */
export async function startGuardedScene(login: Login): Promise<PushScene> {
  const directory = await temporaryDirectory();
  try {
    const path = join(directory.path, 'htpasswd');
    await writeFile(path, await htpasswdOf({ [USER.name]: USER.password }));
    const scene = await startPushScene({ auth: { htpasswd: { realm: 'here', path }, ...LOGINS[login] } });
    const dispose = async () => {
      await scene[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    };
    return { ...scene, [Symbol.asyncDispose]: dispose };
  } catch (err) {
    await directory[Symbol.asyncDispose]();
    throw err;
  }
}
