import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

import type { FromWorker, ToWorker, WorkerStart } from './protocol.ts';

export interface WorkerListener {
  /** Complete lines of the worker's log. */
  lines(text: string): void;
  message(message: FromWorker): void;
}

/** A worker that has not responded by then is killed. Milliseconds. */
const RESPONSE_MS = 10_000;

/** The file that a worker runs, with the extension of this one. */
const PROGRAM = fileURLToPath(new URL(`./worker-main${/\.\w+$/.exec(import.meta.url)?.[0] ?? '.js'}`, import.meta.url));

/** One worker, as the main process sees it. */
export class WorkerProcess {
  readonly number: number;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  /** Connections that it was given and has not confirmed. */
  readonly #given = new Map<number, { readonly socket: Socket; readonly deadline: NodeJS.Timeout }>();
  readonly #forgetting = new Map<number, () => void>();
  #forgets = 0;
  #isReady = false;
  #isRetired = false;

  constructor(start: WorkerStart, listener: WorkerListener) {
    this.number = start.number;
    this.#child = fork(PROGRAM, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      execArgv: process.execArgv.filter((argument) => !argument.startsWith('--inspect')),
    });
    this.ended = this.#awaitEnd();
    this.#child.on('error', () => {}); // of messages that could not be sent, too
    passLines(this.#child, (text) => listener.lines(text));
    this.#child.on('message', (message: FromWorker) => {
      if (message.type === 'forgotten') this.#forgetting.get(message.id)?.();
      else if (message.type === 'taken') this.#taken(message.id);
      else listener.message(message);
    });
    this.send(start);
  }

  /** A child that could not be started has no `exit`. */
  async #awaitEnd(): Promise<void> {
    await new Promise((resolve) => this.#child.once('exit', resolve).once('error', resolve));
    for (const { deadline } of this.#given.values()) clearTimeout(deadline);
    for (const forgotten of this.#forgetting.values()) forgotten();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves when it serves clients. @throws when it ends before */
  async ready(): Promise<void> {
    const ended = this.ended.then(() => 'it ended');
    const opened = new Promise<string | undefined>((resolve) => {
      this.#child.on('message', (message: FromWorker) => {
        if (message.type === 'ready') resolve(undefined);
        else if (message.type === 'failed') resolve(message.reason);
      });
    });
    const reason = await Promise.race([opened, ended]);
    if (reason !== undefined) throw new Error(reason);
    this.#isReady = true;
  }

  get isReady(): boolean {
    return this.#isReady && this.#child.connected;
  }

  send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message);
  }

  /** Gives it the connection of a client. This process keeps it open, unread, until the worker has it. */
  give(id: number, socket: Socket): void {
    this.#given.set(id, { socket, deadline: this.#deadline() });
    this.#child.send({ type: 'connection', id } satisfies ToWorker, socket, { keepOpen: true });
  }

  #taken(id: number): void {
    const given = this.#given.get(id);
    clearTimeout(given?.deadline);
    given?.socket.destroy();
    this.#given.delete(id);
  }

  #deadline(): NodeJS.Timeout {
    return setTimeout(() => this.kill(), RESPONSE_MS).unref();
  }

  /** The connections that it was given and, as it has ended, will not take. */
  get untaken(): Socket[] {
    return [...this.#given.values()].map(({ socket }) => socket);
  }

  /** Resolves when it serves no copy any more. @param name absent: of anything */
  async forget(name: string | undefined): Promise<void> {
    if (!this.#child.connected) return this.ended;
    const id = ++this.#forgets;
    const forgotten = new Promise<void>((resolve) => this.#forgetting.set(id, resolve));
    const deadline = this.#deadline();
    this.send({ type: 'forget', id, name });
    await forgotten;
    clearTimeout(deadline);
    this.#forgetting.delete(id);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** It ends when its requests have ended, and is not replaced. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  async retire(timeoutMs: number): Promise<void> {
    this.#isRetired = true;
    await this.drain(timeoutMs);
  }

  /** Resolves when its requests have ended, and so has the process. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isReady = false;
    this.send({ type: 'drain', timeoutMs });
    await this.ended;
  }
}

/** The last line of a killed worker may be incomplete. */
function passLines({ stdout }: ChildProcess, write: (text: string) => void): void {
  let rest = '';
  stdout?.setEncoding('utf8').on('data', (text: string) => {
    const end = text.lastIndexOf('\n') + 1;
    if (end > 0) write(rest + text.slice(0, end));
    rest = end > 0 ? text.slice(end) : rest + text;
  });
  stdout?.once('end', () => rest !== '' && write(`${rest}\n`));
}
