import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

import type { UpstreamConfig } from '../../config/config.ts';
import { type Check, type CheckResult, type DoctorContext, failed, ok, reasonOf, skipped } from '../check.ts';
import { checksOfUpstreams } from '../direct-upstreams.ts';
import { codeOf, isOfOtherCa, isPlainPeer, isTlsPeer, pingUpstream, speaksTls, whyUntrusted } from '../probe.ts';

const TOPIC = 'the-upstream-is-not-reachable';
const CERTIFICATE = 'the-upstream-certificate-is-not-trusted';

export function networkChecks(context: DoctorContext): readonly Check[] {
  return checksOfUpstreams(context, (upstream) => [
    { name: `${upstream.name} address`, run: () => checkAddress(upstream) },
    { name: `${upstream.name} connection`, run: () => checkConnection(upstream) },
  ]);
}

async function checkAddress({ remoteUrl }: UpstreamConfig): Promise<CheckResult> {
  const hostname = new URL(remoteUrl).hostname.replace(/^\[|\]$/g, '');
  if (isIP(hostname) !== 0) return ok(`${hostname}, without a name`);
  try {
    const addresses = await lookup(hostname, { all: true });
    return ok(`${hostname} is ${addresses.map(({ address }) => address).join(', ')}`);
  } catch (err) {
    const remedy = 'check the name in remoteurl, and the DNS of this machine (`getent hosts`)';
    return failed(`${hostname} has no address: ${codeOf(err) || reasonOf(err)}`, remedy, TOPIC);
  }
}

async function checkConnection(upstream: UpstreamConfig): Promise<CheckResult> {
  const { remoteUrl } = upstream;
  const { protocol, host } = new URL(remoteUrl);
  try {
    const response = await pingUpstream(upstream);
    if (protocol === 'https:') return ok('TLS, and the certificate is trusted');
    return isTlsPeer(response) ? spokenPlain(host) : ok('without TLS');
  } catch (err) {
    if (protocol === 'http:' && codeOf(err) === 'ECONNRESET' && (await speaksTls(remoteUrl))) return spokenPlain(host);
    return whyNot(upstream, host, err);
  }
}

function whyNot({ tls: { caFile } }: UpstreamConfig, host: string, err: unknown): CheckResult {
  const untrusted = whyUntrusted(err);
  if (untrusted !== undefined && caFile !== undefined && isOfOtherCa(err)) {
    const text = `${host}: the certificate is not signed by the CA in ${caFile}`;
    const remedy = `set tls.ca to the CA of this upstream (\`openssl s_client -showcerts -connect ${host}\` prints its certificates)`;
    return failed(text, remedy, CERTIFICATE);
  }
  if (untrusted !== undefined) {
    const remedy =
      'a proxy that inspects TLS replaces certificates: set tls.ca of the upstream, or NODE_EXTRA_CA_CERTS, to its CA';
    return failed(`${host}: ${untrusted}`, remedy, CERTIFICATE);
  }
  if (isPlainPeer(err))
    return failed(`${host} does not speak TLS`, `write http://${host} in remoteurl, or the port with TLS`, CERTIFICATE);
  if (codeOf(err) === 'ENOTFOUND' || codeOf(err) === 'EAI_AGAIN') return skipped('there is no address');
  const remedy = 'check firewall, proxy and address; cached content is served meanwhile';
  return failed(`${host}: ${codeOf(err) || reasonOf(err)}`, remedy, TOPIC);
}

function spokenPlain(host: string): CheckResult {
  return failed(
    `${host} speaks TLS, and remoteurl has http://`,
    `write https://${host} in remoteurl`,
    'http-is-spoken-to-tls',
  );
}
