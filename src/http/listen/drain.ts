import type { Server } from 'node:http';
import type { ServerHttp2Session } from 'node:http2';

/** Between closing connections that have become idle. Milliseconds. */
const IDLE_SWEEP_MS = 50;

export interface DrainOptions {
  readonly timeoutMs: number;
  /** Resolves when all connections are closed that the server did not accept itself. @default there are none */
  readonly handedOver?: Promise<void> | undefined;
}

/** Stops accepting requests. Resolves when running ones have ended, or were ended after the timeout. */
export async function drainConnections(
  server: Server,
  sessions: ReadonlySet<ServerHttp2Session>,
  { timeoutMs, handedOver }: DrainOptions,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const session of sessions) session.close(); // GOAWAY: RFC 9113, section 6.8
  const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
  const deadline = setTimeout(() => {
    for (const session of sessions) session.destroy();
    server.closeAllConnections();
  }, timeoutMs);
  await Promise.all([closed, handedOver]);
  clearInterval(sweep);
  clearTimeout(deadline);
}
