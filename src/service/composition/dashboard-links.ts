import { ADMIN_PATH } from '../../admin/api.ts';
import type { Config } from '../../config/config.ts';
import { hasDashboard } from './admin-guards.ts';

/** Addresses that are known once the service listens. */
export interface ListeningUrls {
  /** Such as `http://127.0.0.1:5000`; `unix:<path>` for a socket. */
  registry?: string | undefined;
  /** Of `admin.addr`. Absent without it. */
  admin?: string | undefined;
}

/** @returns the URL at which a browser is signed in by the code; undefined when there is no dashboard that it can reach */
export function dashboardLink(config: Config, urls: ListeningUrls, code: string): string | undefined {
  const { http, admin, ui } = config;
  const registry = http.host ?? reachable(urls.registry);
  const path = `${ADMIN_PATH}/session/link?code=${code}`;
  if (hasDashboard(config) && registry !== undefined) return `${registry}${http.prefix.slice(0, -1)}${path}`;
  const own = ui.isEnabled === false ? undefined : reachable(urls.admin);
  if (own === undefined) return undefined;
  const isOpen = admin.token === undefined && admin.tokenFile === undefined;
  return isOpen ? `${own}/ui/` : `${own}${path}`;
}

/** A server on all addresses is also on this machine's. */
function reachable(url: string | undefined): string | undefined {
  if (url === undefined || url.startsWith('unix:')) return undefined;
  return url.replace(/:\/\/(?:\[::\]|0\.0\.0\.0)(?=:)/, '://localhost');
}
