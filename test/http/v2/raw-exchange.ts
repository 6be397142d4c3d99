import { connect, type Socket } from 'node:net';

export interface RawResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Of what may never be a whole request: silence after which we say that no more will come. Milliseconds. */
const SILENCE_MS = 50;

/** A server that neither responds nor closes is at fault. Milliseconds. */
const PATIENCE_MS = 60_000;

export interface Cut {
  /** Bytes that are sent. */
  readonly after: number;
  /** The connection is reset, and not closed as it should be. */
  readonly isReset: boolean;
}

export interface ExchangeBytesOptions {
  /** The bytes may be an incomplete request, for which the server waits. A later response is lost. */
  readonly endAfterSilence?: boolean;
  /** The client leaves before it has sent everything. */
  readonly cut?: Cut | undefined;
}

/**
 * Sends bytes on a new connection.
 *
 * @returns all bytes received until the server closed it
 * @throws {Error} when nothing happens any more
 */
export function exchangeBytes(
  port: number,
  bytes: Buffer,
  { endAfterSilence = false, cut }: ExchangeBytesOptions = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const received: Buffer[] = [];
    const socket: Socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.write(bytes.subarray(0, cut?.after), () => {
      if (cut?.isReset) socket.resetAndDestroy();
      else if (cut) socket.end();
    });
    socket.setTimeout(endAfterSilence ? SILENCE_MS : PATIENCE_MS, () => {
      if (endAfterSilence) return void socket.end();
      socket.destroy();
      reject(new Error(`neither responds nor closes: ${JSON.stringify(bytes.toString('latin1').slice(0, 500))}`));
    });
    socket.on('data', (chunk) => received.push(chunk));
    socket.on('end', () => socket.destroy());
    socket.on('error', () => {}); // a server may close before it has read everything; what came before counts
    socket.on('close', () => resolve(Buffer.concat(received)));
  });
}

/**
 * Takes apart what a server sent, strictly: nothing may be left over.
 *
 * @param methods of the requests, in order: a response to HEAD has no body
 * @throws {Error} when it is not HTTP
 */
export function parseResponses(bytes: Buffer, methods: readonly string[]): RawResponse[] {
  const responses: RawResponse[] = [];
  let rest = bytes.toString('latin1');
  while (rest !== '') {
    const [head, status = '', fields = ''] =
      /^HTTP\/1\.1 (\d{3}) [ -~]*\r\n((?:[!#-'*+.^`|~\w-]+: [^\r\n]*\r\n)*)\r\n/.exec(rest) ?? [];
    if (head === undefined) throw new Error(`not HTTP: ${JSON.stringify(rest.slice(0, 300))}`);
    const headers = new Map(
      fields
        .split('\r\n')
        .filter(Boolean)
        .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
    );
    rest = rest.slice(head.length);
    if (status === '100') continue;
    const length = bodyLength({ status: Number(status), headers, method: methods[responses.length], rest });
    if (rest.length < length) throw new Error(`${length} bytes of body announced, ${rest.length} sent`);
    responses.push({ status: Number(status), headers, body: rest.slice(0, length) });
    rest = rest.slice(length);
  }
  return responses;
}

function bodyLength(response: {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly method: string | undefined;
  readonly rest: string;
}): number {
  const { status, headers, method, rest } = response;
  // Who can not read a request can not know that it was a HEAD either.
  const unread = headers.get('connection') === 'close' && (status === 400 || status === 431 || status === 408);
  if (status === 204 || status === 304 || (method === 'HEAD' && !(unread && rest !== ''))) return 0;
  const length = headers.get('content-length');
  if (length === undefined || !/^\d+$/.test(length)) throw new Error(`a response ${status} without Content-Length`);
  return Number(length);
}
