import type { OnReadOpts, Socket } from 'node:net';
import { errors } from 'undici';

import type { ByteReader } from '../../stream/byte-reader.ts';

/** Memory for bytes that arrive while no memory of a reader is registered. */
const SPARE_BYTES = 16 * 1024;
/** A shorter rest of it is not worth a system call. */
const MIN_SPARE_BYTES = 2 * 1024;

interface ReadPartOptions {
  readonly due?: number;
  readonly onPart?: () => void;
}

interface PendingRead {
  readonly into: Uint8Array;
  readonly due: number;
  readonly onPart: (() => void) | undefined;
  filled: number;
  readonly resolve: (length: number) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The bytes of a socket, most of them received directly into the memory of the reader. The socket is paused while no read waits.
 *
 * Node.js requests memory before it waits for bytes, and does not give it back before some have come. A read that is served could not keep
 * its memory from being written then. So bytes are received into a small spare memory first; when they fill it, there are more, which are
 * received directly. In TLS, Node.js copies each record itself, and all of them go through the spare memory.
 */
export class SocketReader implements ByteReader {
  /** Of `net.connect` and `tls.connect`. */
  readonly onread: OnReadOpts = {
    buffer: () => this.#memory,
    callback: (length, memory) => this.#received(length, memory),
  };
  readonly #isTls: boolean;
  /** Registered with the socket: a part of `#spare`, or of the pending read. */
  #memory: Uint8Array;
  #isDirect = false;
  #spareBytes = SPARE_BYTES;
  #spare: Uint8Array = Buffer.allocUnsafeSlow(SPARE_BYTES);
  /** Received and not read. */
  #held: Uint8Array[] = [];
  #pending: PendingRead | undefined;
  #served: NodeJS.Immediate | undefined;
  #socket: Socket | undefined;
  #state: 'open' | 'ended' | { readonly error: Error } = 'open';
  #onActivity: (() => void) | undefined;

  constructor({ isTls }: { readonly isTls: boolean }) {
    this.#isTls = isTls;
    this.#memory = this.#spare;
  }

  attach(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', (error) => this.#end({ error }));
    socket.on('end', () => this.#end('ended'));
    socket.on('close', () => this.#end({ error: new errors.SocketError('other side closed') }));
  }

  /** No failure, no end, and no bytes that were not read. */
  get isQuiet(): boolean {
    return this.#state === 'open' && this.#held.length === 0;
  }

  /**
   * Resolves with 0 when the other side ends.
   *
   * @param options.due number of bytes that must still come, so that a part of them may wait for more
   * @param options.onPart called when a part has come that waits for more
   * @throws the error given to {@link fail} or {@link expire}, or that of the socket
   */
  read(into: Uint8Array, { due = 0, onPart }: ReadPartOptions = {}): Promise<number> {
    if (this.#held.length > 0) return Promise.resolve(this.#takeHeld(into));
    if (this.#state === 'ended') return Promise.resolve(0);
    if (this.#state !== 'open') return Promise.reject(this.#state.error);
    return new Promise((resolve, reject) => {
      this.#pending = { into, due, onPart, filled: 0, resolve, reject };
      this.#socket?.resume();
    });
  }

  /** For reads that state no bytes that are due. */
  useSpareOf(bytes: number): void {
    this.#spareBytes = bytes;
    this.#spare = Buffer.allocUnsafeSlow(bytes);
  }

  /** The next reads get these bytes first. */
  unread(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#held.unshift(bytes);
  }

  /** Receives without a read, and calls back when there is anything: bytes, the end, a failure. */
  watch(onActivity: () => void): void {
    this.#onActivity = onActivity;
    if (this.isQuiet) this.#socket?.resume();
    else onActivity();
  }

  unwatch(): void {
    this.#onActivity = undefined;
  }

  close(): void {
    this.fail(new Error('the connection has been closed'));
  }

  /** Closes the socket. All reads reject, a pending one included. */
  fail(error: Error): void {
    this.#held = [];
    const pending = this.#pending;
    if (pending) this.#withdraw(pending);
    this.#end({ error });
    pending?.reject(error);
  }

  /** Closes the socket. A pending read gets the bytes that have come; later ones reject. */
  expire(error: Error): void {
    this.#end({ error });
  }

  #end(state: 'ended' | { readonly error: Error }): void {
    if (this.#state !== 'open') return;
    this.#state = state;
    this.#socket?.destroy();
    const pending = this.#pending;
    if (pending && (pending.filled > 0 || state === 'ended')) this.#serve(pending);
    else if (pending && state !== 'ended') this.#withdraw(pending).reject(state.error);
    this.#onActivity?.();
  }

  /** @returns whether the socket continues to read */
  #received(length: number, memory: Uint8Array): boolean {
    const pending = this.#pending;
    const isSpare = !this.#isDirect;
    this.#isDirect = false;
    if (isSpare) this.#held.push(memory.subarray(0, length));
    else if (pending) pending.filled += length;
    if (pending) this.#fill(pending);
    if (this.#pending && isSpare && length === memory.length && this.#canReceiveInto(this.#pending)) {
      this.#isDirect = true;
      this.#memory = this.#pending.into.subarray(this.#pending.filled);
      this.#pending.onPart?.();
      return true;
    }
    this.#memory = this.#freeSpare(isSpare ? memory.subarray(length) : this.#spare);
    if (this.#pending) this.#serveSoon(this.#pending);
    this.#onActivity?.();
    return this.#pending !== undefined;
  }

  /** It is not served before more bytes have come. */
  #canReceiveInto({ filled, due }: PendingRead): boolean {
    return !this.#isTls && this.#held.length === 0 && filled < due;
  }

  /** @param rest of the memory that was registered */
  #freeSpare(rest: Uint8Array): Uint8Array {
    if (this.#held.length === 0) return this.#spare;
    if (rest.length >= MIN_SPARE_BYTES) return rest;
    this.#spare = Buffer.allocUnsafeSlow(this.#spareBytes);
    return this.#spare;
  }

  #fill(pending: PendingRead): void {
    if (this.#held.length > 0) pending.filled += this.#takeHeld(pending.into.subarray(pending.filled));
    if (pending.filled === pending.into.length) this.#serve(pending);
  }

  #takeHeld(into: Uint8Array): number {
    let taken = 0;
    for (let first = this.#held[0]; first !== undefined && taken < into.length; first = this.#held[0]) {
      const part = first.subarray(0, into.length - taken);
      into.set(part, taken);
      taken += part.length;
      if (part.length === first.length) this.#held.shift();
      else this.#held[0] = first.subarray(part.length);
    }
    return taken;
  }

  /** The records of TLS come in one after the other, and make one read. */
  #serveSoon(pending: PendingRead): void {
    if (!this.#isTls) this.#serve(pending);
    else this.#served ??= setImmediate(() => this.#serve(pending));
  }

  #serve(pending: PendingRead): void {
    if (this.#pending === pending) this.#withdraw(pending).resolve(pending.filled);
  }

  #withdraw(pending: PendingRead): PendingRead {
    clearImmediate(this.#served);
    this.#served = undefined;
    this.#pending = undefined;
    return pending;
  }
}
