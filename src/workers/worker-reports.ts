import { PullBatch } from '../audit/pull-batch.ts';
import type { AuditConfig } from '../config/config.ts';
import type { FinishedRequest } from '../http/v2/request-events.ts';
import { Activity } from '../monitoring/activity.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { FromWorker, ReportedUse } from './protocol.ts';
import type { Permitted } from './permits.ts';

/** Longest delay of a report. Milliseconds. */
const REPORT_MS = 200;
/** Of a report. More requests than that are counted, and not kept. */
const REPORTED_REQUESTS = 100;
const REPORTED_CLIENTS = 200;

/** Reports to the main process what this worker served, and which connections have closed. */
export class WorkerReports {
  readonly #metrics: Metrics;
  readonly #send: (message: FromWorker) => void;
  readonly #uses = new Map<string, ReportedUse>();
  readonly #clients = new Set<string>();
  readonly #pulls: PullBatch | undefined;
  readonly #activity = new Activity({ requests: REPORTED_REQUESTS, clients: REPORTED_CLIENTS });
  #closed: number[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param audit absent when pulls are not recorded */
  constructor(
    metrics: Metrics,
    audit: Pick<AuditConfig, 'addresses'> | undefined,
    send: (message: FromWorker) => void,
  ) {
    this.#metrics = metrics;
    this.#pulls = audit && new PullBatch(audit.addresses);
    this.#send = send;
  }

  /** @param address of the client. Absent on a unix socket */
  served({ content, request: { kind }, upstream }: Permitted, address: string | undefined): void {
    const { name, stored, digest, size } = content;
    if (upstream !== undefined && !this.#uses.has(name)) this.#uses.set(name, { stored, digest, kind, size });
    if (address !== undefined) this.#clients.add(address);
    this.#flushLater();
  }

  /** A response has ended. */
  finished(request: FinishedRequest): void {
    const now = Date.now();
    this.#activity.record(request, now);
    this.#pulls?.add(request, now);
    this.#flushLater();
  }

  #flushLater(): void {
    this.#timer ??= setTimeout(() => this.flush(), REPORT_MS);
  }

  /** Content was removed: its use must not bring it back to the index. */
  discard(name: string | undefined): void {
    if (name !== undefined) this.#uses.delete(name);
  }

  /** Those of one turn of the event loop are sent together. */
  closed(id: number): void {
    if (this.#closed.push(id) > 1) return;
    setImmediate(() => {
      const ids = this.#closed;
      this.#closed = [];
      this.#send({ type: 'closed', ids });
    });
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const uses = [...this.#uses.values()];
    const clients = [...this.#clients];
    const pulls = this.#pulls?.take() ?? [];
    this.#uses.clear();
    this.#clients.clear();
    const activity = this.#activity.take();
    const metrics = this.#metrics.takeChanges();
    if (uses.length + pulls.length + metrics.length + clients.length + activity.requests.length > 0)
      this.#send({ type: 'report', uses, pulls, metrics, clients, activity });
  }
}
