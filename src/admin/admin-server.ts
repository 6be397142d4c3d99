import type { Listen } from '../config/config.ts';
import { http } from '../builtin/http.ts';
import { bind, closeNow } from '../http/listen/bound-server.ts';
import { deferHandler } from '../http/listen/deferred-handler.ts';
import type { AdminAppOptions } from './admin-app.ts';

/** Permissions of a socket. */
const OWNER_ONLY = 0o600;

export interface AdminServerOptions {
  readonly listen: Listen;
  /** Called at the first request. */
  readonly loadOptions: () => Promise<Omit<AdminAppOptions, 'profiles'>>;
  /** Reports an internal error. */
  readonly onError: (error: unknown) => void;
  /** Loads the profiles of the process. They contain secrets, so only the socket has them. */
  readonly loadProfiles?: () => Promise<AdminAppOptions['profiles']>;
}

export interface AdminServer {
  /** `unix:<path>` for a socket. */
  readonly url: string;
  close(): Promise<void>;
}

/** The admin API on a separate address. Its first request loads Express. @throws when it cannot listen */
export async function startAdminServer({
  listen,
  loadOptions,
  loadProfiles,
  onError,
}: AdminServerOptions): Promise<AdminServer> {
  const load = async () => {
    const [{ createAdminApp }, options, profiles] = await Promise.all([
      import('./admin-app.ts'),
      loadOptions(),
      loadProfiles?.(),
    ]);
    return createAdminApp({ ...options, profiles });
  };
  const server = http.createServer(deferHandler(load, onError));
  const url = await bind(server, listen, { mode: OWNER_ONLY });
  return { url, close: () => closeNow(server) };
}
