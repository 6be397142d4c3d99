import type { LookupFunction } from 'node:net';

import { type Clock, SYSTEM_CLOCK } from '../clock/clock.ts';
import type { Governor } from '../budget/governor.ts';
import type { Member } from '../budget/members.ts';
import type { RequestRate } from '../budget/request-rate.ts';
import { limitOfToken } from '../budget/token-claims.ts';
import { accountGroups } from './account-groups.ts';
import { type Account, Accounts } from './accounts.ts';
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
import { type BearerChallenge, TokenCache } from './token-cache.ts';
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
  /** Decides which pulls are made, and by which account. @default every pull is made, by the first account */
  readonly budget?: Governor | undefined;
  /** Of requests to each host. @default no limit */
  readonly rate?: RequestRate | undefined;
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
  budget,
  rate,
  version,
  clock = SYSTEM_CLOCK,
  random = Math.random,
}: EndpointsOptions): Endpoints {
  const upstream = config.name;
  const { now } = clock;
  const configured = config.mirrors.map((mirror) =>
    typeof mirror === 'string' ? { url: mirror, tags: true } : mirror,
  );
  const bases = [config.remoteUrl, ...configured.map(({ url }) => url)].map((url) => new URL(url));
  const breakers = new Breakers({ upstream, hosts: bases.map(({ host }) => host), events, now });
  const zones = new HostZones(bases.map(({ hostname }) => hostname));
  const connect = (lookup: LookupFunction) => createConnections(config, env, lookup);
  const connections = connect(zones.lookup);
  const rateLimit = new RateLimitGauge((limit, account) => events.rateLimited({ upstream, account, ...limit }));
  const userAgent = version === undefined ? 'layover' : `layover/${version}`;
  const { timeouts } = config;
  const transport = new Transport({ upstream, connections, breakers, events, observe, rate, timeouts, userAgent });
  const shared: Shared = { upstream, events, transport, rateLimit, zones, connect, clock, random };
  const groups = accountGroups(config.credentials, budget?.policy.pool ?? 'order').map(({ credentials, ...group }) => ({
    ...group,
    sources: credentials.map((source) => createCredentialsSource(source, { env, now })),
  }));
  // Credentials without the label of a host are for the upstream itself and not for mirrors.
  const labelled = groups.flatMap(({ isFor, sources }) =>
    isFor ? [] : sources.filter(({ knowsHosts }) => knowsHosts),
  );
  const atMirrors = [{ name: 'mirror', sources: labelled }];
  const mirrors = configured.map(({ url, tags }) =>
    createEndpoint(shared, { base: new URL(url), isMirror: true, knowsTags: tags, groups: atMirrors }),
  );
  const own = { base: new URL(config.remoteUrl), isMirror: false, knowsTags: true, groups, budget };
  const remote = createEndpoint(shared, own);
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

interface SourceGroup extends Member {
  readonly sources: readonly CredentialsSource[];
}

interface Base {
  readonly base: URL;
  readonly isMirror: boolean;
  readonly knowsTags: boolean;
  readonly groups: readonly SourceGroup[];
  /** Absent for mirrors, which limit separately. */
  readonly budget?: Governor | undefined;
}

function createEndpoint(shared: Shared, { base, isMirror, knowsTags, groups, budget }: Base): Endpoint {
  const { upstream, events, transport, zones, clock, random, rateLimit } = shared;
  const { now } = clock;
  const destinations = new Destinations({ upstream, base, zones, connect: shared.connect });
  const accounts = groups.map((group) => createAccount({ ...shared, base, destinations, budget }, group));
  const visitor = createAccount({ ...shared, base, destinations }, { name: 'anonymous', sources: [] });
  const shown = accounts.at(-1) as CreatedAccount;
  const server = { upstream, transport, now, credentials: ANONYMOUS, connectionsTo: shown.connectionsTo };
  const strangers = new StrangerTokens(new TokenCache({ now, issue: (challenge) => issueToken(challenge, server) }));
  const onManifestResponse = (response: ExchangeResponse, account: Account) => {
    if (!isMirror) rateLimit.note(response, account.user());
  };
  return new Endpoint({
    upstream,
    base,
    isMirror,
    knowsTags,
    transport,
    accounts: new Accounts({ upstream, accounts, visitor, budget, now }),
    strangers,
    destinations,
    events,
    clock,
    random,
    onManifestResponse,
  });
}

interface CreatedAccount extends Account {
  readonly connectionsTo: (realm: URL) => Promise<Connections | undefined>;
}

interface AccountParts extends Shared, Pick<Base, 'base' | 'budget'> {
  readonly destinations: Destinations;
}

function createAccount(parts: AccountParts, { sources, ...member }: SourceGroup): CreatedAccount {
  const { upstream, events, transport, clock, base, budget, destinations } = parts;
  const { now } = clock;
  const onFailure = (source: string, reason: string) => events.credentialsFailed({ upstream, source, reason });
  const credentials = new EndpointCredentials({ sources, base, onFailure, now });
  const connectionsTo = async (realm: URL) => {
    if (realm.hostname === base.hostname || credentials.isNamed(realm)) return undefined;
    const reach = (await isRealmAllowed(realm, base)) ? 'into-private' : 'no-further';
    destinations.check(realm, reach);
    return destinations.connections(reach);
  };
  const logins = new LoginGuard({
    upstream,
    account: () => credentials.account,
    now,
    hasHelper: credentials.hasHelper,
    onChange: (trouble, account) => events.loginChanged({ upstream, account, trouble }),
  });
  const server = { upstream, transport, now, credentials, connectionsTo, logins };
  const issue = async (challenge: BearerChallenge) => {
    const token = await issueToken(challenge, server);
    const limit = budget && limitOfToken(token.value);
    if (limit) await budget.claimed(member.name, limit);
    return token;
  };
  const authorizer = new Authorizer({ upstream, registry: base, tokens: new TokenCache({ now, issue }), credentials });
  return { ...member, authorizer, logins, user: () => credentials.account, connectionsTo };
}
