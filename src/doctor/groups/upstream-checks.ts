import type { UpstreamConfig } from '../../config/config.ts';
import type { FetchedResponse } from '../../fetch/bounded-fetch.ts';
import { type Check, type CheckResult, type DoctorContext, failed, ok, skipped, warning } from '../check.ts';
import { isRealmAllowed } from '../../upstream/realm.ts';
import { checksOfUpstreams } from '../direct-upstreams.ts';
import { isTlsPeer, pingUpstream, probe } from '../probe.ts';

/** Tokens are refused by clocks that differ more. Milliseconds. */
const MAX_SKEW_MS = 60_000;

export function upstreamChecks(context: DoctorContext): readonly Check[] {
  return checksOfUpstreams(context, (upstream) => [
    { name: `${upstream.name} registry`, run: () => checkRegistry(upstream) },
    { name: `${upstream.name} clock`, run: () => checkClock(upstream, context.machine.now) },
    ...upstream.credentials.flatMap((credentials) =>
      credentials.kind === 'static'
        ? [{ name: `${upstream.name} login`, run: () => checkLogin(upstream, credentials) }]
        : [],
    ),
  ]);
}

/** Absent when it does not respond, which is reported as a matter of the network. */
const ping = (...request: Parameters<typeof pingUpstream>) => pingUpstream(...request).catch(() => undefined);

const UNREACHABLE = skipped('it does not respond; see network');

async function checkRegistry(upstream: UpstreamConfig): Promise<CheckResult> {
  const response = await ping(upstream);
  if (!response) return UNREACHABLE;
  if (isTlsPeer(response)) return skipped('it speaks TLS; see network');
  const { status, headers } = response;
  if (status === 429) {
    const after = headers['retry-after'] === undefined ? '' : `, retry after ${headers['retry-after']} s`;
    const remedy = 'set credentials, more accounts or a budget; the cache serves what it has meanwhile';
    return failed(`it limits requests: 429${after}`, remedy, 'the-upstream-limits-pulls-429');
  }
  if (status >= 500)
    return failed(`it responds with ${status}`, 'wait, or add a mirror', 'the-upstream-is-not-reachable');
  const isRegistry = status === 200 || (status === 401 && headers['www-authenticate'] !== undefined);
  if (isRegistry && !/text\/html/.test(headers['content-type'] ?? '')) return ok(`responds with ${status}`);
  const remedy =
    'remoteurl is the address of the registry itself, without /v2/; Docker Hub is https://registry-1.docker.io';
  return failed(`/v2/ responds with ${status} like a web site`, remedy, 'the-upstream-is-not-a-registry');
}

async function checkClock(upstream: UpstreamConfig, now: () => number): Promise<CheckResult> {
  const date = Date.parse((await ping(upstream))?.headers.date ?? '');
  if (Number.isNaN(date)) return skipped('there is no Date header');
  const skew = now() - date;
  const seconds = Math.round(Math.abs(skew) / 1000);
  if (Math.abs(skew) <= MAX_SKEW_MS) return ok(`differs by ${seconds} s`);
  const text = `this machine is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} ${upstream.name}`;
  return failed(text, 'set the clock by NTP (`timedatectl`), else tokens are refused', 'the-clock-is-wrong');
}

async function checkLogin(
  upstream: UpstreamConfig,
  { username, password }: { readonly username: string; readonly password: string },
): Promise<CheckResult> {
  const challenge = (await ping(upstream))?.headers['www-authenticate'];
  if (challenge === undefined) return skipped('no login is required');
  const headers = { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
  const realm = /^bearer .*realm="([^"]+)"/i.exec(challenge)?.[1];
  // The challenge must not decide where a password goes.
  if (realm !== undefined && !(await isRealmAllowed(new URL(realm), new URL(upstream.remoteUrl))))
    return skipped(`the token server ${new URL(realm).host} is in another domain`);
  const response = realm === undefined ? await ping(upstream, headers) : await requestToken(realm, challenge, headers);
  if (!response) return UNREACHABLE;
  if (response.status === 200) return ok(`${username} is accepted`);
  if (response.status !== 401 && response.status !== 403)
    return warning(`the token server responds with ${response.status}`, 'wait', 'the-upstream-is-not-reachable');
  return failed(
    `${username} is refused with ${response.status}`,
    'set the password or access token of the account again; several failures lock an account out',
    'the-upstream-refuses-the-credentials-401',
  );
}

async function requestToken(
  realm: string,
  challenge: string,
  headers: Readonly<Record<string, string>>,
): Promise<FetchedResponse | undefined> {
  const service = /service="([^"]+)"/.exec(challenge)?.[1];
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  try {
    return await probe(url.toString(), { headers });
  } catch {
    return undefined;
  }
}
