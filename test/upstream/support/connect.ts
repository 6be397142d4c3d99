import { type Clock, SYSTEM_CLOCK } from '../../../src/clock/clock.ts';
import type { UpstreamOptions } from '../../../src/upstream/upstream-options.ts';
import type { Environment } from '../../../src/upstream/connections/connections.ts';
import { createUpstream } from '../../../src/upstream/registry-upstream.ts';
import { UpstreamError, type UpstreamEvents } from '../../../src/upstream/upstream.ts';

export interface ConnectOptions extends Partial<Omit<UpstreamOptions, 'timeouts'>> {
  readonly timeouts?: Partial<UpstreamOptions['timeouts']>;
  readonly env?: Environment;
  /** @default the clock of the system, with the time of `now` if that is present */
  readonly clock?: Clock;
  readonly now?: () => number;
  readonly random?: () => number;
}

type RecordedEvent = {
  [K in keyof UpstreamEvents]: { event: K } & Parameters<UpstreamEvents[K]>[0];
}[keyof UpstreamEvents];

/** An upstream named `up` with short timeouts and quick retries, and all of its events. */
export function connect(remoteUrl: string, options: ConnectOptions = {}) {
  const { env = {}, now, clock = { ...SYSTEM_CLOCK, ...(now && { now }) }, random = () => 0, ...config } = options;
  const recorded: RecordedEvent[] = [];
  const upstream = createUpstream({
    config: upstreamConfig(remoteUrl, config),
    env,
    events: recorder(recorded),
    version: '1.2.3',
    clock,
    random,
  });
  const events = <K extends keyof UpstreamEvents>(name: K) =>
    recorded.filter((one): one is Extract<RecordedEvent, { event: K }> => one.event === name);
  return { upstream, recorded, events, [Symbol.asyncDispose]: () => upstream.close() };
}

function upstreamConfig(remoteUrl: string, { timeouts, ...config }: Omit<ConnectOptions, 'env'>): UpstreamOptions {
  return {
    name: 'up',
    remoteUrl,
    mirrors: [],
    credentials: [],
    tls: { caFile: undefined, insecure: false },
    httpProxy: undefined,
    ...config,
    timeouts: { connectMs: 5_000, headersMs: 5_000, idleMs: 5_000, ...timeouts },
  };
}

function recorder(recorded: RecordedEvent[]): UpstreamEvents {
  const record =
    <K extends keyof UpstreamEvents>(event: K) =>
    (details: Parameters<UpstreamEvents[K]>[0]) =>
      recorded.push({ event, ...details } as RecordedEvent);
  return {
    callEnded: record('callEnded'),
    exchangeCompleted: record('exchangeCompleted'),
    bytesReceived: record('bytesReceived'),
    rateLimited: record('rateLimited'),
    retried: record('retried'),
    breakerChanged: record('breakerChanged'),
    credentialsFailed: record('credentialsFailed'),
    loginChanged: record('loginChanged'),
    pulledFromMirror: record('pulledFromMirror'),
  };
}

/** The error of a call, which must be an {@link UpstreamError}. */
export async function failureOf(call: Promise<unknown>): Promise<UpstreamError> {
  const outcome = await call.then(
    () => 'it succeeded',
    (err: unknown) => err,
  );
  if (outcome instanceof UpstreamError) return outcome;
  throw new Error('no UpstreamError', { cause: outcome });
}
