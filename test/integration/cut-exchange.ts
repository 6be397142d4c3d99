import { connect } from 'node:net';

/** A server that neither answers nor closes is at fault. Milliseconds. */
const PATIENCE_MS = 15_000;

export interface Cut {
  /** Bytes that are sent. */
  readonly after: number;
  /** The connection is reset, and not closed as it should be. */
  readonly isReset: boolean;
}

/**
 * Sends these bytes on a connection of its own, up to where the client goes away.
 *
 * @returns all that came back until the connection was closed
 * @throws {Error} when nothing happens any more
 */
export function exchangeUpTo(port: number, bytes: Buffer, cut?: Cut): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const received: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.write(bytes.subarray(0, cut?.after), () => {
      if (cut?.isReset) socket.resetAndDestroy();
      else if (cut) socket.end();
    });
    socket.setTimeout(PATIENCE_MS, () => {
      socket.destroy();
      reject(new Error(`neither answered nor closed: ${JSON.stringify(bytes.toString('latin1').slice(0, 500))}`));
    });
    socket.on('data', (chunk) => received.push(chunk));
    socket.on('end', () => socket.destroy());
    socket.on('error', () => {}); // a server may close before it has read everything; what came before counts
    socket.on('close', () => resolve(Buffer.concat(received)));
  });
}
