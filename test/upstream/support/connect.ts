import type { UpstreamConfig } from '../../../src/config/config.ts';
import type { Environment } from '../../../src/upstream/dispatcher.ts';
import { createUpstream } from '../../../src/upstream/registry-upstream.ts';
import { UpstreamError, type UpstreamEvents } from '../../../src/upstream/upstream.ts';

export interface ConnectOptions extends Partial<Omit<UpstreamConfig, 'timeouts'>> {
  readonly timeouts?: Partial<UpstreamConfig['timeouts']>;
  readonly env?: Environment;
  readonly now?: () => number;
  readonly random?: () => number;
}

type Told = { [K in keyof UpstreamEvents]: { event: K } & Parameters<UpstreamEvents[K]>[0] }[keyof UpstreamEvents];

/** An upstream named `up` with short timeouts and quick retries, and everything it told the world. */
export function connect(remoteUrl: string, options: ConnectOptions = {}) {
  const { env = {}, now, random = () => 0, ...config } = options;
  const told: Told[] = [];
  const upstream = createUpstream({
    config: upstreamConfig(remoteUrl, config),
    env,
    events: recorder(told),
    version: '1.2.3',
    ...(now && { now }),
    random,
  });
  const events = <K extends keyof UpstreamEvents>(name: K) =>
    told.filter((one): one is Extract<Told, { event: K }> => one.event === name);
  return { upstream, told, events, [Symbol.asyncDispose]: () => upstream.close() };
}

function upstreamConfig(remoteUrl: string, { timeouts, ...config }: Omit<ConnectOptions, 'env'>): UpstreamConfig {
  return {
    name: 'up',
    remoteUrl,
    aliases: [],
    mirrors: [],
    library: false,
    isDefault: true,
    storePrefix: '',
    credentials: [],
    tags: { ttlMs: 0, rules: [], revalidate: 'blocking', onNotFound: 'error', onDenied: 'error' },
    allow: [],
    deny: [],
    tls: { caFile: undefined, insecure: false },
    httpProxy: undefined,
    passthrough: false,
    ...config,
    timeouts: { connectMs: 5_000, headersMs: 5_000, idleMs: 5_000, ...timeouts },
  };
}

function recorder(told: Told[]): UpstreamEvents {
  const record =
    <K extends keyof UpstreamEvents>(event: K) =>
    (details: Parameters<UpstreamEvents[K]>[0]) =>
      told.push({ event, ...details } as Told);
  return {
    exchangeCompleted: record('exchangeCompleted'),
    bytesReceived: record('bytesReceived'),
    rateLimited: record('rateLimited'),
    retried: record('retried'),
    breakerChanged: record('breakerChanged'),
    credentialsFailed: record('credentialsFailed'),
  };
}

/** What a call failed with, which has to be an {@link UpstreamError}. */
export async function failureOf(call: Promise<unknown>): Promise<UpstreamError> {
  const outcome = await call.then(
    () => 'it succeeded',
    (err: unknown) => err,
  );
  if (outcome instanceof UpstreamError) return outcome;
  throw new Error('no UpstreamError', { cause: outcome });
}
