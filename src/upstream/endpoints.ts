import type { LookupFunction } from 'node:net';

import { type Clock, SYSTEM_CLOCK } from '../clock/clock.ts';
import type { UpstreamOptions } from './upstream-options.ts';
import { Authorizer } from './authorizer.ts';
import { Breakers } from './breakers.ts';
import type { CredentialsSource } from './credentials/credentials.ts';
import { createCredentialsSource } from './credentials/credentials-chain.ts';
import { EndpointCredentials } from './endpoint-credentials.ts';
import { Destinations } from './destinations.ts';
import { type Connections, createConnections, type Environment } from './connections/connections.ts';
import { Endpoint } from './endpoint.ts';
import { HostZones } from './host-zones.ts';
import { LoginGuard } from './login-guard.ts';
import { RateLimitGauge } from './rate-limit.ts';
import { isRealmAllowed } from './realm.ts';
import { StrangerTokens } from './stranger-tokens.ts';
import { TokenCache } from './token-cache.ts';
import { issueToken } from './token-server.ts';
import { type ExchangeResponse, Transport } from './transport.ts';
import type { ObserveExchange, UpstreamEvents } from './upstream.ts';

export interface EndpointsOptions {
  readonly config: UpstreamOptions;
  /** For `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, and passed to credential helpers. */
  readonly env: Environment;
  readonly events: UpstreamEvents;
  /** @default single exchanges are not observed */
  readonly observe?: ObserveExchange | undefined;
  /** For `User-Agent: layover/<version>`. */
  readonly version?: string;
  /** For back-off, breakers and the expiry of tokens. @default the clock of the system */
  readonly clock?: Clock | undefined;
  /** From 0 to 1. @default Math.random */
  readonly random?: () => number;
}

const ANONYMOUS = { find: async () => undefined, renew: async () => undefined, renewalWorked: () => undefined };

/** Parts that the base URLs of one upstream share. */
interface Shared {
  readonly upstream: string;
  readonly events: UpstreamEvents;
  readonly transport: Transport;
  readonly rateLimit: RateLimitGauge;
  readonly zones: HostZones;
  readonly connect: (lookup: LookupFunction) => Connections;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface Endpoints {
  readonly breakers: Breakers;
  readonly rateLimit: RateLimitGauge;
  readonly mirrors: readonly Endpoint[];
  readonly remote: Endpoint;
  /** Ends the connections; requests in progress fail. */
  readonly close: () => Promise<void>;
}

/**
 * Creates the base URLs of an upstream. Its only I/O is reading a CA file.
 *
 * @throws when `tls.caFile` cannot be read
 */
export function connectEndpoints({
  config,
  env,
  events,
  observe,
  version,
  clock = SYSTEM_CLOCK,
  random = Math.random,
}: EndpointsOptions): Endpoints {
  const upstream = config.name;
  const { now } = clock;
  const bases = [config.remoteUrl, ...config.mirrors].map((url) => new URL(url));
  const breakers = new Breakers({ upstream, hosts: bases.map(({ host }) => host), events, now });
  const zones = new HostZones(bases.map(({ hostname }) => hostname));
  const connect = (lookup: LookupFunction) => createConnections(config, env, lookup);
  const connections = connect(zones.lookup);
  const rateLimit = new RateLimitGauge((limit, account) => events.rateLimited({ upstream, account, ...limit }));
  const userAgent = version === undefined ? 'layover' : `layover/${version}`;
  const { timeouts } = config;
  const transport = new Transport({ upstream, connections, breakers, events, observe, timeouts, userAgent });
  const shared: Shared = { upstream, events, transport, rateLimit, zones, connect, clock, random };
  const sources = config.credentials.map((source) => createCredentialsSource(source, { env, now }));
  // Credentials without the label of a host are for the upstream itself and not for mirrors.
  const labelled = sources.filter((source) => source.knowsHosts);
  const mirrors = config.mirrors.map((url) =>
    createEndpoint(shared, { base: new URL(url), isMirror: true, sources: labelled }),
  );
  const remote = createEndpoint(shared, { base: new URL(config.remoteUrl), isMirror: false, sources });
  return {
    breakers,
    rateLimit,
    mirrors,
    remote,
    async close() {
      const strangers = [remote, ...mirrors].map(({ destinations }) => destinations.close());
      await Promise.all([connections.destroy(), ...strangers]);
    },
  };
}

function createEndpoint(
  shared: Shared,
  { base, isMirror, sources }: { base: URL; isMirror: boolean; sources: readonly CredentialsSource[] },
): Endpoint {
  const { upstream, events, transport, zones, clock, random, rateLimit } = shared;
  const { now } = clock;
  const destinations = new Destinations({ upstream, base, zones, connect: shared.connect });
  const onFailure = (source: string, reason: string) => events.credentialsFailed({ upstream, source, reason });
  const credentials = new EndpointCredentials({ sources, base, onFailure, now });
  const connectionsTo = async (realm: URL) => {
    if (realm.hostname === base.hostname || credentials.isNamed(realm)) return undefined;
    const reach = (await isRealmAllowed(realm, base)) ? 'into-private' : 'no-further';
    destinations.check(realm, reach);
    return destinations.connections(reach);
  };
  const server = { upstream, transport, now, credentials, connectionsTo };
  const logins = new LoginGuard({
    upstream,
    account: () => credentials.account,
    now,
    hasHelper: credentials.hasHelper,
    onChange: (trouble, account) => events.loginChanged({ upstream, account, trouble }),
  });
  const tokens = new TokenCache({ now, issue: (challenge) => issueToken(challenge, { ...server, logins }) });
  const strangers = new StrangerTokens(
    new TokenCache({ now, issue: (challenge) => issueToken(challenge, { ...server, credentials: ANONYMOUS }) }),
  );
  const authorizer = new Authorizer({ upstream, registry: base, tokens, credentials });
  const onManifestResponse = (response: ExchangeResponse) => {
    if (!isMirror) rateLimit.note(response, credentials.account);
  };
  return new Endpoint({
    upstream,
    base,
    isMirror,
    transport,
    authorizer,
    logins,
    strangers,
    destinations,
    events,
    clock,
    random,
    onManifestResponse,
  });
}
