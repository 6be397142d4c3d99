import type { Server, Socket } from 'node:net';

/** The first bytes of HTTP/2 with prior knowledge: RFC 9113, section 3.4. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Takes over a connection. */
export type ServeConnection = (socket: Socket) => void;

/**
 * Decides for each connection whether the server serves it.
 *
 * @param event `connection`, or `secureConnection` after the TLS handshake
 * @param choose calls `serve` for connections that the server serves
 */
export function chooseConnections(
  server: Server,
  event: 'connection' | 'secureConnection',
  choose: (socket: Socket, serve: ServeConnection) => void,
): void {
  const listeners = server.listeners(event) as ServeConnection[];
  server.removeAllListeners(event);
  server.on(event, (socket: Socket) => {
    choose(socket, (chosen) => {
      for (const listener of listeners) listener.call(server, chosen);
    });
  });
}

/** Whether a connection with these first bytes is HTTP/2. Undefined when more bytes are needed. */
export function isPreface(seen: Buffer): boolean | undefined {
  const length = Math.min(seen.length, PREFACE.length);
  if (!seen.subarray(0, length).equals(PREFACE.subarray(0, length))) return false;
  return length === PREFACE.length ? true : undefined;
}

export interface PeekOptions {
  /** A decision from the first bytes. Undefined when more bytes are needed. */
  readonly test: (seen: Buffer) => boolean | undefined;
  readonly yes: ServeConnection;
  readonly no: ServeConnection;
  /** The connection is closed when there is no decision in time. */
  readonly timeoutMs: number;
}

/** Inspects the first bytes of a connection without consuming them. */
export function peek(socket: Socket, { test, yes, no, timeoutMs }: PeekOptions): void {
  const giveUp = setTimeout(() => socket.destroy(), timeoutMs);
  socket.once('close', () => clearTimeout(giveUp));
  let seen: Buffer = Buffer.alloc(0);
  const inspect = () => {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) seen = Buffer.concat([seen, chunk]);
    const decision = test(seen);
    if (decision === undefined && !socket.readableEnded) return;
    socket.off('readable', inspect).off('end', inspect).off('error', ignore);
    clearTimeout(giveUp);
    if (seen.length > 0) socket.unshift(seen);
    (decision === true ? yes : no)(socket);
  };
  socket.on('readable', inspect).on('end', inspect).on('error', ignore);
}

function ignore(): void {}
