import type { Server, Socket } from 'node:net';

/** What a client that speaks HTTP/2 without asking sends first: RFC 9113, section 3.4. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Who serves a connection. */
export type ServeConnection = (socket: Socket) => void;

/**
 * Puts a choice before what a server does with a connection.
 *
 * @param event `connection`, or `secureConnection` when TLS is done
 * @param choose calls `serve` for those that the server is to serve itself
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

/** Whether a connection that begins so speaks HTTP/2; undefined when more of it has to be seen. */
export function isPreface(seen: Buffer): boolean | undefined {
  const length = Math.min(seen.length, PREFACE.length);
  if (!seen.subarray(0, length).equals(PREFACE.subarray(0, length))) return false;
  return length === PREFACE.length ? true : undefined;
}

export interface PeekOptions {
  /** Of the first bytes; undefined: more have to be seen. */
  readonly test: (seen: Buffer) => boolean | undefined;
  readonly yes: ServeConnection;
  readonly no: ServeConnection;
  /** The connection is closed if they do not come in time. */
  readonly timeoutMs: number;
}

/** Looks at the first bytes of a connection, which are there to be read again afterwards. */
export function peek(socket: Socket, { test, yes, no, timeoutMs }: PeekOptions): void {
  const giveUp = setTimeout(() => socket.destroy(), timeoutMs);
  socket.once('close', () => clearTimeout(giveUp));
  let seen: Buffer = Buffer.alloc(0);
  const look = () => {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) seen = Buffer.concat([seen, chunk]);
    const answer = test(seen);
    if (answer === undefined && !socket.readableEnded) return;
    socket.off('readable', look).off('end', look).off('error', ignore);
    clearTimeout(giveUp);
    if (seen.length > 0) socket.unshift(seen);
    (answer === true ? yes : no)(socket);
  };
  socket.on('readable', look).on('end', look).on('error', ignore);
}

function ignore(): void {}
