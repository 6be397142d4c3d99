import { Layover } from '../test/support/layover.ts';
import { NODE_ARGUMENTS } from './contenders.ts';
import { median } from './table.ts';

/** What one kind of request cost. */
export interface Sample {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the server for each request. */
  readonly cpuMs: number;
  /** The longest time in which the server's event loop did nothing else. */
  readonly blockMs: number;
}

export interface Server extends AsyncDisposable {
  readonly url: string;
  readonly adminUrl: string;
  /** Resident memory, in bytes. */
  rss(): Promise<number>;
  /** CPU time so far and the longest block since the last call. Milliseconds. */
  pulse(): Promise<{ readonly cpuMs: number; readonly blockMs: number }>;
}

/** How often prom-client looks at the event loop. Part of each block that it measures. Milliseconds. */
const RESOLUTION_MS = 10;
const TOKEN = 'token-of-the-bench';
/** Requests of one kind end after this, however many are left. Milliseconds. */
const MAX_MS = 4_000;

/** A registry with metrics and the admin API. @param dataDirectory absent for a new one */
export async function startServer(
  dataDirectory: string | undefined,
  { http, ...config }: { readonly http?: object; readonly [key: string]: unknown } = {},
): Promise<Server> {
  const layover = await Layover.startProcess({
    ...(dataDirectory !== undefined && { dataDirectory }),
    nodeArguments: NODE_ARGUMENTS,
    config: {
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { delete: { enabled: true } },
      http: { ...http, debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } },
      admin: { token: TOKEN },
      ...config,
    },
  });
  return {
    url: layover.url,
    adminUrl: `${layover.url}/admin/api/v1`,
    rss: () => layover.rss(),
    async pulse() {
      const text = await (await fetch(`${layover.debugUrl}/metrics`)).text();
      const value = (name: string) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1]) * 1000;
      const blockMs = Math.max(0, value('nodejs_eventloop_lag_max_seconds') - RESOLUTION_MS);
      return { cpuMs: value('process_cpu_seconds_total'), blockMs };
    },
    [Symbol.asyncDispose]: () => layover[Symbol.asyncDispose](),
  };
}

/** Sends the same kind of request again and again, one at a time. */
export async function probe(
  server: Server,
  send: (i: number) => Promise<void>,
  { times = 100 }: { readonly times?: number } = {},
): Promise<Sample> {
  const before = await server.pulse();
  const startedAt = performance.now();
  const elapsed: number[] = [];
  while (elapsed.length < times && performance.now() - startedAt < MAX_MS) {
    const sentAt = performance.now();
    await send(elapsed.length);
    elapsed.push(performance.now() - sentAt);
  }
  const after = await server.pulse();
  const sorted = elapsed.toSorted((a, b) => a - b);
  return {
    p50Ms: median(sorted),
    p99Ms: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN,
    cpuMs: (after.cpuMs - before.cpuMs) / elapsed.length,
    blockMs: after.blockMs,
  };
}

/** @throws {Error} for any other status */
export async function expectStatus(url: string, status: number, request: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${TOKEN}`, ...(request.headers as Record<string, string>) };
  const response = await fetch(url, { ...request, headers });
  if (response.status !== status) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response;
}

/** Reads a response to its end. */
export async function get(url: string): Promise<void> {
  await (await expectStatus(url, 200)).arrayBuffer();
}
