import { randomBytes } from 'node:crypto';

/** The secrets of session URLs: the first one signs, all of them verify. */
export type UploadSecrets = () => Promise<readonly [string, ...string[]]>;

export interface UploadSecretOptions {
  /** `http.secret`; absent when it is not set. */
  readonly configured: string | undefined;
  /** The secret that replicas share in Redis; resolves with undefined while Redis is unavailable. */
  readonly shared: (() => Promise<string | undefined>) | undefined;
}

/** Without a shared secret, a session can be resumed only at the process that started it. */
export function createUploadSecrets({ configured, shared }: UploadSecretOptions): UploadSecrets {
  if (configured !== undefined && configured !== '') return async () => [configured];
  const own = randomBytes(32).toString('hex');
  return async () => {
    const common = await shared?.();
    return common === undefined ? [own] : [common, own];
  };
}
