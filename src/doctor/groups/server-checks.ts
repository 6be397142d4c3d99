import type { Config } from '../../config/config.ts';
import { type Check, type CheckResult, type DoctorContext, failed, ok, reasonOf, skipped, warning } from '../check.ts';
import { codeOf, isLayover, isPlainPeer, isTlsPeer, probe, speaksTls } from '../probe.ts';
import { serverUrl } from '../server-url.ts';

const LOOPBACK = /^(?:127\.|localhost$|::1$)/;

export function serverChecks({ loaded, server, isBefore }: DoctorContext): readonly Check[] {
  const config = loaded?.config;
  const url = server ?? (config ? serverUrl(config) : '');
  return [
    ...(isBefore || url === '' ? [] : [{ name: 'ready', run: () => checkReady(url) }]),
    ...(config ? [{ name: 'access', run: async () => checkAccess(config) }] : []),
    ...(config?.proxy ? [{ name: 'freshness', run: async () => checkFreshness(config) }] : []),
  ];
}

/** The certificate is not verified: it is for the name that clients use. */
async function checkReady(url: string): Promise<CheckResult> {
  try {
    const response = await probe(`${url}/readyz`, { rejectUnauthorized: false });
    const { status } = response;
    if (isTlsPeer(response)) return spokenPlain(url);
    if (!(await isLayover(url))) {
      const remedy = 'see the address in the group process, or name the address of the server with --server';
      return failed(`${url} is the address of another program`, remedy, 'the-port-is-in-use');
    }
    if (status === 200) return ok(`${url} is ready`);
    const remedy = 'see the report of /debug/health and the log: storage, Redis or an upstream failed a health check';
    return failed(`${url}/readyz responds with ${status}`, remedy, 'the-server-does-not-respond');
  } catch (err) {
    if (isPlainPeer(err)) {
      const remedy = `use ${url.replace(/^https/, 'http')}, or set http.tls`;
      return failed(`${url} does not speak TLS`, remedy, 'http-is-spoken-to-tls');
    }
    if (url.startsWith('http:') && (await speaksTls(url))) return spokenPlain(url);
    const remedy =
      'start it (`layover serve`), and check its address and the firewall; --pre skips this before there is a server';
    return failed(`${url}: ${codeOf(err) || reasonOf(err)}`, remedy, 'the-server-does-not-respond');
  }
}

function spokenPlain(url: string): CheckResult {
  const remedy = `use ${url.replace(/^http:/, 'https:')}, also in the configuration of clients`;
  return failed(`${url} speaks TLS, and the address has http`, remedy, 'http-is-spoken-to-tls');
}

function checkAccess({ http: { listen }, auth }: Config): CheckResult {
  if (auth) return ok('clients need a login, or some may do less without');
  if (listen.net === 'unix' || LOOPBACK.test(listen.host ?? '')) return ok('only this machine reaches it');
  return warning(
    'every machine that reaches the address can pull, and push where that is on, without a login',
    'keep it in a private network or behind a firewall, or set auth',
    'the-cache-is-open-to-everyone',
  );
}

function checkFreshness({ proxy }: Config): CheckResult {
  if (!proxy?.offline) return skipped('tags are revalidated by their TTL');
  return warning('proxy.offline is set: tags stay as they are', 'remove it to revalidate them', 'images-are-stale');
}
