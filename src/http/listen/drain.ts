import type { Server } from 'node:http';
import type { ServerHttp2Session } from 'node:http2';

/** How often connections that have become idle are looked for. Milliseconds. */
const IDLE_SWEEP_MS = 50;

/** Takes nothing new, and resolves when what runs has ended, or was ended as its time was up. */
export async function drainConnections(
  server: Server,
  sessions: ReadonlySet<ServerHttp2Session>,
  timeoutMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const session of sessions) session.close(); // GOAWAY: RFC 9113, section 6.8
  const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
  const deadline = setTimeout(() => {
    for (const session of sessions) session.destroy();
    server.closeAllConnections();
  }, timeoutMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(deadline);
}
