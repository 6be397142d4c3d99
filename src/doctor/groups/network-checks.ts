import { lookup } from 'node:dns/promises';

import type { UpstreamConfig } from '../../config/config.ts';
import { type Check, type CheckResult, type DoctorContext, failed, ok, reasonOf, skipped } from '../check.ts';
import { checksOfUpstreams } from '../direct-upstreams.ts';
import { codeOf, isPlainPeer, pingUpstream, whyUntrusted } from '../probe.ts';

const TOPIC = 'the-upstream-is-not-reachable';

export function networkChecks(context: DoctorContext): readonly Check[] {
  return checksOfUpstreams(context, (upstream) => [
    { name: `${upstream.name} address`, run: () => checkAddress(upstream) },
    { name: `${upstream.name} connection`, run: () => checkConnection(upstream) },
  ]);
}

async function checkAddress({ remoteUrl }: UpstreamConfig): Promise<CheckResult> {
  const { hostname } = new URL(remoteUrl);
  try {
    const addresses = await lookup(hostname.replace(/^\[|\]$/g, ''), { all: true });
    return ok(`${hostname} is ${addresses.map(({ address }) => address).join(', ')}`);
  } catch (err) {
    const remedy = 'check the name in remoteurl, and the DNS of this machine (`getent hosts`)';
    return failed(`${hostname} has no address: ${codeOf(err) || reasonOf(err)}`, remedy, TOPIC);
  }
}

async function checkConnection(upstream: UpstreamConfig): Promise<CheckResult> {
  const { protocol, host } = new URL(upstream.remoteUrl);
  try {
    await pingUpstream(upstream);
    return ok(protocol === 'https:' ? 'TLS, and the certificate is trusted' : 'without TLS');
  } catch (err) {
    const untrusted = whyUntrusted(err);
    if (untrusted !== undefined) {
      const remedy =
        'a proxy that inspects TLS replaces certificates: set tls.ca of the upstream, or NODE_EXTRA_CA_CERTS, to its CA';
      return failed(`${host}: ${untrusted}`, remedy, 'the-upstream-certificate-is-not-trusted');
    }
    if (isPlainPeer(err)) {
      const remedy = `write http://${host} in remoteurl, or the port with TLS`;
      return failed(`${host} does not speak TLS`, remedy, 'the-upstream-certificate-is-not-trusted');
    }
    if (codeOf(err) === 'ENOTFOUND' || codeOf(err) === 'EAI_AGAIN') return skipped('there is no address');
    const remedy = 'check firewall, proxy and address; cached content is served meanwhile';
    return failed(`${host}: ${codeOf(err) || reasonOf(err)}`, remedy, TOPIC);
  }
}
