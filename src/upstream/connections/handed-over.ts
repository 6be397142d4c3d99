import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type buildConnector, Client, type Dispatcher } from 'undici';

import type { SocketReader } from './socket-reader.ts';

const CHUNK_BYTES = 64 * 1024;

type Connected = Parameters<buildConnector.connector>[1];

/**
 * A connection with a response that undici is to read. The request has been sent already: the one that undici writes goes nowhere, and
 * shows that undici expects the response.
 */
class AnsweredConnection extends Duplex {
  readonly #reader: SocketReader;
  readonly #onEnd: () => void;
  readonly #memory = Buffer.allocUnsafe(CHUNK_BYTES);
  #isRequested = false;
  #isWanted = false;

  constructor(reader: SocketReader, onEnd: () => void) {
    super({ highWaterMark: CHUNK_BYTES });
    this.#reader = reader;
    this.#onEnd = onEnd;
  }

  override _write(_chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    this.#isRequested = true;
    done();
    this.#receive();
  }

  override _read(): void {
    this.#isWanted = true;
    this.#receive();
  }

  #receive(): void {
    if (!this.#isRequested || !this.#isWanted) return;
    this.#isWanted = false;
    // A copy: a part of larger memory would keep all of it for as long as the part is kept.
    this.#reader.read(this.#memory).then(
      (length) => this.push(length === 0 ? null : Buffer.from(this.#memory.subarray(0, length))),
      (err: Error) => this.destroy(err),
    );
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#reader.close();
    this.#onEnd();
    done(error);
  }
}

/**
 * Has undici read a response that has begun.
 *
 * @param options.request the one that was sent
 * @param options.onEnd called when the connection is closed, which is not used again
 * @throws as undici
 */
export async function handOver(
  reader: SocketReader,
  options: {
    readonly origin: string;
    readonly request: Dispatcher.RequestOptions;
    readonly maxHeaderBytes: number;
    readonly onEnd: () => void;
  },
): Promise<Dispatcher.ResponseData> {
  const { origin, request, maxHeaderBytes, onEnd } = options;
  reader.useSpareOf(CHUNK_BYTES);
  const connections: Duplex[] = [new AnsweredConnection(reader, onEnd)];
  const client = new Client(origin, {
    maxHeaderSize: maxHeaderBytes,
    // The client is not ready for a connection before it has called this.
    connect: (_options, connected) => queueMicrotask(() => give(connections.pop(), connected)),
  });
  const response = client.request(request);
  // It ends with the response.
  client.close().catch(() => undefined);
  return response;
}

function give(connection: Duplex | undefined, connected: Connected): void {
  // It needs no more than a stream has.
  if (connection) connected(null, connection as Socket);
  // Not a `SocketError`, after which undici would connect again.
  else connected(new Error('other side closed'), null);
}
