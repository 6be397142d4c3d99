import { randomBytes } from 'node:crypto';

/** What sessions' URLs are signed with: the first is used, all are believed. */
export type UploadSecrets = () => Promise<readonly [string, ...string[]]>;

export interface UploadSecretOptions {
  /** `http.secret`; undefined: none is configured. */
  readonly configured: string | undefined;
  /** What replicas share otherwise; it may not be there yet. */
  readonly shared: (() => Promise<string | undefined>) | undefined;
}

/** Without a secret that replicas share, a URL is good only with the process that gave it out. */
export function createUploadSecrets({ configured, shared }: UploadSecretOptions): UploadSecrets {
  if (configured !== undefined && configured !== '') return async () => [configured];
  const own = randomBytes(32).toString('hex');
  return async () => {
    const common = await shared?.();
    return common === undefined ? [own] : [common, own];
  };
}
