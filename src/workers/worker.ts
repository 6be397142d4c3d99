import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { Clients } from '../http/client/client-address.ts';
import { TrustedProxies } from '../http/client/trusted-proxies.ts';
import { ConcurrencyLimit } from '../http/listen/concurrency-limit.ts';
import { type ClientServer, openClientServer } from '../http/listen/listener.ts';
import { SecurityHeaders } from '../http/listen/security-headers.ts';
import { recordExchange } from '../http/v2/exchange.ts';
import { observeRequests } from '../http/v2/observed-requests.ts';
import { refuseHost } from '../http/v2/refuse-host.ts';
import { respondError } from '../http/v2/respond-error.ts';
import { RegistryError } from '../oci/errors.ts';
import { BufferPool } from '../stream/buffer-pool.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createTelemetry, type Telemetry } from '../telemetry/telemetry.ts';
import { Forwarder } from './forwarder.ts';
import type { HandedOver } from './handed-over.ts';
import { openContent } from './permitted-reader.ts';
import { type Permitted, Permits } from './permits.ts';
import type { FromWorker, ToWorker, WorkerStart } from './protocol.ts';
import { servePermitted, type ServePermittedOptions } from './serve-permitted.ts';
import { WorkerReports } from './worker-reports.ts';

/** A process that has the connections of clients: it serves what the main process permitted, and forwards everything else to it. */
export class Worker {
  readonly #start: WorkerStart;
  readonly #log: Log;
  readonly #telemetry: Telemetry;
  readonly #permits = new Permits();
  readonly #reports: WorkerReports;
  readonly #clients: Clients;
  readonly #forwarder: Forwarder;
  readonly #serving: ServePermittedOptions;
  readonly #buffers = new BufferPool();
  readonly #connections = new Set<Socket>();
  /** Of requests that this worker serves itself. */
  readonly #limit: ConcurrencyLimit;
  #isDraining = false;
  #server: ClientServer | undefined;

  readonly #report: (message: FromWorker) => void;

  constructor(start: WorkerStart, send: (message: FromWorker) => void) {
    const metrics = createMetrics();
    this.#report = send;
    const { http, log } = start;
    this.#start = start;
    this.#limit = new ConcurrencyLimit(start.maxRequestsPerClient);
    this.#log = createLog(log);
    this.#telemetry = createTelemetry({ log: this.#log, metrics, accessLog: log.accessLog });
    this.#reports = new WorkerReports(metrics, start.audit, send);
    this.#clients = new Clients(new TrustedProxies(http.trustedProxies));
    this.#serving = {
      clients: this.#clients,
      events: observeRequests(this.#telemetry, (request) => this.#reports.finished(request)),
      security: new SecurityHeaders(http.headers),
      headers: Object.entries(http.headers),
    };
    this.#forwarder = new Forwarder({
      mainSocket: start.mainSocket,
      factsOf: (req) => this.#factsOf(req),
      onFailed: (req, res) => this.#refuse(req, res),
    });
  }

  /** @throws when a TLS file cannot be read */
  async open(): Promise<void> {
    const { http, ownSocket } = this.#start;
    // Connections are counted where they are accepted.
    const limits = { ...http.limits, maxConnections: 0, maxConnectionsPerClient: 0 };
    this.#server = await openClientServer({
      http: { ...http, limits },
      onRequest: (req, res) => this.#serve(req, res),
      clients: this.#clients,
      events: {
        ...this.#telemetry,
        certificateInUse: (expiresAt) => this.#report({ type: 'certificate', expiresAt }),
      },
    });
    this.#server.server.listen(ownSocket);
    await once(this.#server.server, 'listening');
  }

  /** Handles a message of the main process. @returns the response, if any */
  receive(message: ToWorker, socket: Socket | undefined): FromWorker | undefined {
    if (message.type === 'connection') {
      this.#take(message.id, socket);
      return { type: 'taken', id: message.id };
    }
    if (message.type === 'permit') this.#permits.add(message);
    else if (message.type === 'announce-drain') this.#isDraining = true;
    else if (message.type === 'forget') {
      this.#permits.forget(message.name);
      this.#reports.discard(message.name);
      return { type: 'forgotten', id: message.id };
    }
    return undefined;
  }

  /** Resolves when all requests have ended, and are logged and reported. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isDraining = true;
    await this.#server?.drain(timeoutMs, this.#connectionsClosed());
    this.#forwarder.close();
    this.#reports.flush();
    await this.#log.flush();
  }

  async #connectionsClosed(): Promise<void> {
    await Promise.all([...this.#connections].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  }

  #take(id: number, socket: Socket | undefined): void {
    if (!socket) return this.#reports.closed(id); // it was closed meanwhile
    this.#connections.add(socket);
    socket.once('close', () => {
      this.#connections.delete(socket);
      this.#reports.closed(id);
    });
    if (this.#start.http.tls === undefined) socket.allowHalfOpen = true;
    this.#server?.server.emit('connection', socket);
  }

  #serve(req: IncomingMessage, res: ServerResponse): void {
    if (this.#isDraining) res.shouldKeepAlive = false;
    if (refuseHost(req, res, { clients: this.#clients, events: this.#telemetry })) return;
    const permitted = this.#permits.find(req);
    const { address } = this.#clients.of(req);
    // The main process counts the requests that a client has in progress there.
    if (!permitted || !this.#limit.enter(address)) return this.#forwarder.forward(req, res);
    res.once('close', () => this.#limit.leave(address));
    if (permitted.request.kind === 'manifest' || req.method === 'HEAD') return this.#send({ req, res }, permitted);
    const opened = openContent(permitted, this.#buffers);
    if (opened instanceof Promise) void this.#sendOpened({ req, res }, permitted, opened);
    else this.#send({ req, res }, permitted, opened);
  }

  /** @param opening resolves to undefined when the content is not there any more */
  async #sendOpened(
    { req, res }: { readonly req: IncomingMessage; readonly res: ServerResponse },
    permitted: Permitted,
    opening: Promise<ByteSource | undefined>,
  ): Promise<void> {
    const opened = await opening;
    if (opened) this.#send({ req, res }, permitted, opened);
    else this.#forwarder.forward(req, res);
  }

  #send(
    exchange: { readonly req: IncomingMessage; readonly res: ServerResponse },
    permitted: Permitted,
    opened?: ByteSource,
  ): void {
    this.#reports.served(permitted, this.#clients.of(exchange.req).address);
    void servePermitted(exchange, permitted, opened, this.#serving);
  }

  #refuse(req: IncomingMessage, res: ServerResponse): void {
    const exchange = recordExchange(req, res, { client: this.#clients.of(req), events: this.#telemetry });
    respondError(exchange, new RegistryError('UNAVAILABLE', 'service unavailable'), this.#telemetry);
  }

  #factsOf({ socket, httpVersion }: IncomingMessage): HandedOver {
    const { remoteAddress: address, remotePort: port } = socket;
    const { tls } = this.#start.http;
    const certificate = tls && tls.clientCas.length > 0 ? certificateOf(socket as TLSSocket) : undefined;
    const isSecure = tls !== undefined;
    return { worker: this.#start.number, version: httpVersion, address, port, isSecure, certificate };
  }
}

function certificateOf(socket: TLSSocket): HandedOver['certificate'] {
  if (!socket.authorized) return undefined;
  const { subject, subjectaltname } = socket.getPeerCertificate();
  return subject && { subject, ...(subjectaltname !== undefined && { subjectaltname }) };
}
