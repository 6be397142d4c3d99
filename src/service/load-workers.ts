import { availableParallelism } from 'node:os';

import type { Config } from '../config/config.ts';
import type { ListenOptions, Listener } from '../http/listen/listener.ts';
import type { ServedListener } from '../http/v2/dispatcher.ts';
import type { ContentCopies } from '../registry/held-content.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Context } from './context.ts';

/** More workers than this rarely gain anything: one process fills and decides. */
const MAX_AUTO = 8;
/** Between looks at the health, which decides whether anything is served. Milliseconds. */
const HEALTH_MS = 500;

/** The worker processes of the service. */
export interface Workers {
  /** Content in memory that they have. */
  readonly copies: ContentCopies;
  readonly onServed: ServedListener;
  /** Starts them, and accepts connections for them. */
  listen(options: ListenOptions, context: Pick<Context, 'health' | 'recordUse' | 'pulls' | 'seen'>): Promise<Listener>;
  /**
   * Replaces the workers one after the other.
   *
   * @param onFirst called when the first one serves clients
   * @throws when the first one cannot start; then nothing has changed
   */
  replace(config: Config, onFirst: () => void): Promise<void>;
  announceDrain(): void;
  /** Ends them at once. */
  close(): Promise<void>;
}

export interface WorkersOptions {
  readonly config: Config;
  readonly telemetry: Pick<Telemetry, 'log' | 'metrics' | 'clientSeen' | 'certificateInUse'>;
  /** Gets the lines that workers log. Absent: there are no workers, whatever `http.workers` is. */
  readonly writeLines?: ((text: string) => void) | undefined;
}

/** Absent when the service has one process. Starts none. */
export async function loadWorkers(options: WorkersOptions): Promise<Workers | undefined> {
  const { config, telemetry, writeLines } = options;
  const count = workerCount(config);
  if (count === 1 || !writeLines) return undefined;
  const { createPermitOffice, listenWithWorkers, WorkerPool } = await import('../workers/workers.ts');
  const { http, log: logConfig, audit } = config;
  const pool = await WorkerPool.create({ ...telemetry, count, http, logConfig, audit, writeLines });
  const forwardedBy = new WeakMap<object, number>();
  const timers = new Set<NodeJS.Timeout>();
  let permits = permitKind(config);
  return {
    copies: pool,
    onServed: createPermitOffice({
      kind: () => permits,
      send: (worker, permit) => pool.permit(worker, permit),
      workerOf: (req) => forwardedBy.get(req),
    }),
    replace: (next, onFirst) =>
      pool.replaceAll(next.http, {
        async onFirst() {
          onFirst();
          permits = permitKind(next);
          await pool.forgetAll(); // which the configuration before permitted
        },
      }),
    listen(listening, { health, recordUse, pulls, seen }) {
      let wasHealthy = true;
      const watch = () => {
        const isHealthy = health.isHealthy();
        if (wasHealthy && !isHealthy) void pool.forgetAll();
        wasHealthy = isHealthy;
      };
      timers.add(setInterval(watch, HEALTH_MS).unref());
      return listenWithWorkers(pool, {
        ...listening,
        fd: listening.fd,
        onForwarded: (req, worker) => forwardedBy.set(req, worker),
        onUsed: ({ stored, digest, kind, size }) => recordUse(stored, digest, kind, size),
        onPulled: (records) => pulls?.recordAll(records),
        onSeen: (batch) => seen.merge(batch),
      });
    },
    announceDrain: () => pool.announceDrain(),
    async close() {
      for (const timer of timers) clearInterval(timer);
      await pool.close();
    },
  };
}

/** The process that requested a certificate responds to the challenges. */
function workerCount({ http: { workers, tls } }: Config): number {
  if (workers !== 'auto') return workers;
  return tls?.letsEncrypt ? 1 : Math.min(MAX_AUTO, availableParallelism());
}

/** A notification and a trace have facts of each request; a client certificate is not part of a permit. */
function permitKind({ notifications, tracing, auth }: Config): 'open' | 'auth' | 'none' {
  if (notifications !== undefined || tracing !== undefined || auth?.mtls !== undefined) return 'none';
  return auth === undefined ? 'open' : 'auth';
}
