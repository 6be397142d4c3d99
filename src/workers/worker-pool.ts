import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { PullRecord } from '../audit/pull-record.ts';
import type { AuditConfig, HttpConfig, LogConfig } from '../config/config.ts';
import type { Digest } from '../oci/digest.ts';
import type { ContentCopies } from '../registry/held-content.ts';
import type { ActivityBatch } from '../monitoring/activity.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import {
  contentName,
  type FromWorker,
  type Permit,
  type Report,
  type ReportedUse,
  sharedNow,
  tagName,
  type WorkerStart,
} from './protocol.ts';
import { PermittedNames } from './permitted-names.ts';
import { WorkerMetrics } from './worker-metrics.ts';
import { WorkerProcess } from './worker-process.ts';

export interface WorkerPoolOptions {
  readonly count: number;
  readonly http: HttpConfig;
  readonly logConfig: LogConfig;
  /** Absent when pulls are not recorded. */
  readonly audit: AuditConfig | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clientSeen: (address: string) => void;
  readonly certificateInUse: (expiresAt: number) => void;
  /** Gets complete lines of the workers' logs. */
  readonly writeLines: (text: string) => void;
}

export interface WorkerEvents {
  /** A worker is ready. */
  ready(): void;
  /** Connections that a worker had are closed. */
  closed(ids: readonly number[]): void;
  /** @param untaken connections that it was given and did not take; nothing has been read from them */
  ended(worker: number, untaken: readonly Socket[]): void;
  used(use: ReportedUse): void;
  pulled(pulls: readonly PullRecord[]): void;
  seen(activity: ActivityBatch): void;
}

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 10_000;
/** A worker that ran for so long is replaced without a delay. Milliseconds. */
const STABLE_MS = 10_000;

/** The workers of the service. One that ends is replaced. */
export class WorkerPool implements ContentCopies {
  readonly #options: WorkerPoolOptions;
  /** In it, only this user can connect to sockets. */
  readonly #directory: string;
  readonly #workers = new Map<number, WorkerProcess>();
  readonly #permitted = new PermittedNames();
  /** Removals that not every worker has confirmed. */
  readonly #forgetting = new Map<string, Promise<void>>();
  readonly #metrics: WorkerMetrics;
  #http: HttpConfig;
  #numbers = 0;
  #turn = 0;
  #events: WorkerEvents | undefined;
  #isClosing = false;

  private constructor(options: WorkerPoolOptions, directory: string) {
    this.#options = options;
    this.#http = options.http;
    this.#directory = directory;
    this.#metrics = new WorkerMetrics(options.metrics);
  }

  /** Starts no worker. */
  static async create(options: WorkerPoolOptions): Promise<WorkerPool> {
    return new WorkerPool(options, await mkdtemp(join(tmpdir(), 'layover-')));
  }

  /** Where the main process serves its workers. */
  get mainSocket(): string {
    return join(this.#directory, 'main.sock');
  }

  /** Starts the workers. Resolves when all of them serve clients. @throws when one cannot start */
  async start(events: WorkerEvents): Promise<void> {
    this.#events = events;
    const starting = Array.from({ length: this.#options.count }, () => this.#spawn());
    await Promise.all(starting.map((worker) => worker.ready()));
    for (const worker of starting) void this.#supervise(worker);
  }

  /** The next ready worker. Absent when none is. */
  next(): WorkerProcess | undefined {
    const ready = [...this.#workers.values()].filter(({ isReady }) => isReady);
    return ready[this.#turn++ % Math.max(1, ready.length)];
  }

  permit(worker: number, permit: Permit): void {
    this.#permitted.add(permit, sharedNow());
    this.#workers.get(worker)?.send(permit);
  }

  async forget(repository: string, digest: Digest): Promise<void> {
    await this.#forget(contentName(repository, digest));
  }

  async forgetTag(repository: string, tag: string): Promise<void> {
    await this.#forget(tagName(repository, tag));
  }

  async forgetAll(): Promise<void> {
    await this.#forgetAtWorkers(undefined);
  }

  async #forget(name: string): Promise<void> {
    if (!this.#permitted.remove(name, sharedNow())) return this.#forgetting.get(name);
    const forgetting = this.#forgetAtWorkers(name);
    this.#forgetting.set(name, forgetting);
    await forgetting;
    if (this.#forgetting.get(name) === forgetting) this.#forgetting.delete(name);
    return undefined;
  }

  async #forgetAtWorkers(name: string | undefined): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.forget(name)));
  }

  /** From now on, connections end with the request in progress. */
  announceDrain(): void {
    this.#isClosing = true;
    for (const worker of this.#workers.values()) worker.send({ type: 'announce-drain' });
  }

  /** Resolves when the requests of all workers have ended, or were ended after the timeout. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    await Promise.all([...this.#workers.values()].map((worker) => worker.drain(timeoutMs)));
  }

  /**
   * Replaces the workers one after the other by ones with another configuration. Each serves clients before its predecessor drains.
   *
   * @param options.onFirst called when the first one serves clients
   * @throws when that cannot start; then nothing has changed
   */
  async replaceAll(http: HttpConfig, { onFirst }: { readonly onFirst: () => Promise<void> }): Promise<void> {
    const retiring = [...this.#workers.values()].filter(({ isRetired }) => !isRetired);
    const before = this.#http;
    this.#http = http;
    try {
      const first = await this.#startOne();
      await onFirst();
      void this.#supervise(first);
    } catch (err) {
      this.#http = before;
      throw err;
    }
    for (let i = 0; i < Math.max(this.#options.count, retiring.length) && !this.#isClosing; i++) {
      if (i > 0 && i < this.#options.count) await this.#replace(FIRST_DELAY_MS);
      void retiring[i]?.retire(http.drainTimeoutMs);
    }
  }

  async #startOne(): Promise<WorkerProcess> {
    const worker = this.#spawn();
    try {
      await worker.ready();
      return worker;
    } catch (err) {
      worker.kill();
      throw err;
    }
  }

  /** Ends the workers at once. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const workers = [...this.#workers.values()];
    for (const worker of workers) worker.kill();
    await Promise.all(workers.map(({ ended }) => ended));
    await rm(this.#directory, { recursive: true, force: true });
  }

  #spawn(): WorkerProcess {
    const number = ++this.#numbers;
    const { writeLines } = this.#options;
    const message = (received: FromWorker) => this.#receive(number, received);
    const worker = new WorkerProcess(this.#startOf(number), { lines: writeLines, message });
    this.#workers.set(number, worker);
    void this.#cleanUp(worker);
    return worker;
  }

  async #cleanUp(worker: WorkerProcess): Promise<void> {
    const { number } = worker;
    await worker.ended;
    this.#workers.delete(number);
    this.#metrics.ended(number);
    this.#events?.ended(number, worker.untaken);
  }

  #startOf(number: number): WorkerStart {
    const { logConfig, audit, count } = this.#options;
    const http = this.#http;
    const { maxRequestsPerClient: limit } = http.limits;
    return {
      type: 'start',
      number,
      mainSocket: this.mainSocket,
      ownSocket: join(this.#directory, `${number}.sock`),
      http,
      log: logConfig,
      audit,
      maxRequestsPerClient: limit === 0 ? 0 : Math.max(1, Math.floor(limit / count)),
    };
  }

  #receive(worker: number, message: FromWorker): void {
    if (message.type === 'closed') this.#events?.closed(message.ids);
    else if (message.type === 'certificate') this.#options.certificateInUse(message.expiresAt);
    else if (message.type === 'report') this.#report(worker, message);
    else if (message.type === 'ready') setImmediate(() => this.#events?.ready());
  }

  #report(worker: number, { uses, pulls, metrics, clients, activity }: Report): void {
    for (const address of clients) this.#options.clientSeen(address);
    for (const use of uses) this.#events?.used(use);
    if (pulls.length > 0) this.#events?.pulled(pulls);
    this.#events?.seen(activity);
    this.#metrics.add(worker, metrics);
  }

  /** Replaces a worker that ends, with growing delays while its successors end early. */
  async #supervise(worker: WorkerProcess, delayMs = 0): Promise<void> {
    const startedAt = performance.now();
    await worker.ended;
    if (this.#isClosing || worker.isRetired) return;
    const waitMs = performance.now() - startedAt >= STABLE_MS ? 0 : delayMs;
    this.#options.log.error({ pid: worker.pid }, 'worker ended');
    await delay(waitMs, undefined, { ref: false });
    await this.#replace(Math.min(Math.max(FIRST_DELAY_MS, waitMs * 2), MAX_DELAY_MS));
  }

  async #replace(delayMs: number): Promise<void> {
    if (this.#isClosing) return;
    const worker = this.#spawn();
    void this.#supervise(worker, delayMs);
    try {
      await worker.ready();
      this.#options.log.info({ pid: worker.pid }, 'worker started');
    } catch (err) {
      this.#options.log.error({ reason: err instanceof Error ? err.message : String(err) }, 'worker not started');
      worker.kill();
    }
  }
}
