import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';

import { seededContent } from '../../support/content.ts';
import type { Hub } from '../../support/hub.ts';
import { Images } from '../../support/images.ts';
import { type ConfigObject, dockerHubUpstream, Layover } from '../../support/layover.ts';

export const images = new Images();
export const image = images.addImage('library/app', '1', { layers: [3000] });
/** Another one of the same repository. */
export const other = images.addImage('library/app', 'other', { layers: [4000] });
export const smallBlob = images.addBlob('library/app', seededContent('small', 3000));
export const largeBlob = images.addBlob('library/app', seededContent('large', 200_000));
export const coldBlob = images.addBlob('library/app', seededContent('cold', 24 * 1024 * 1024));

export const popularBlob = images.addBlob('library/app', seededContent('popular', 4 * 1024 * 1024));

export interface WorkerOptions {
  readonly workers?: number;
  readonly http?: ConfigObject;
  readonly config?: ConfigObject;
  readonly env?: Readonly<Record<string, string>>;
}

/** The built program with workers: a cache, and a registry of the names below `team`. */
export function startWithWorkers(hub: Hub, { workers = 2, http, config, env }: WorkerOptions = {}): Promise<Layover> {
  return Layover.startProcess({
    ...(env && { env }),
    config: {
      storage: { delete: { enabled: true } },
      proxy: { upstreams: [dockerHubUpstream(hub, { tags: { ttl: '1h' } })], hosted: ['team/**'] },
      ...config,
      http: { workers, secret: 'a-secret-of-the-tests', ...http },
    },
  });
}

/** The processes that a process has started. */
export async function childrenOf(pid: number): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const lists = tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => ''));
  return (await Promise.all(lists)).flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** One connection, on which requests are sent one after the other as they are written. */
export class RawConnection implements AsyncDisposable {
  readonly #socket: Socket;
  #received = '';

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setEncoding('latin1').on('error', () => {});
    this.#socket.on('data', (text: string) => (this.#received += text));
  }

  get received(): string {
    return this.#received;
  }

  send(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** A request without a body, and its whole response, which has a `Content-Length` unless it has no body. */
  async request(method: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<RawResponse> {
    const fields = Object.entries({ Host: 'layover', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#received = '';
    this.send(`${method} ${path} HTTP/1.1\r\n${fields.join('')}\r\n`);
    while (!isWhole(this.#received, method)) await once(this.#socket, 'data');
    return parse(this.#received);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }
}

export interface RawResponse {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

function parse(received: string): RawResponse {
  const end = received.indexOf('\r\n\r\n');
  const head = received.slice(0, end);
  return { status: Number(head.split(' ')[1]), head, body: received.slice(end + 4) };
}

function isWhole(received: string, method: string): boolean {
  if (!received.includes('\r\n\r\n')) return false;
  const { head, body, status } = parse(received);
  const hasBody = method !== 'HEAD' && status !== 304;
  return !hasBody || body.length >= Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
}

/** Sends a text, and returns all that comes until the server ends the connection. */
export async function exchangeRaw(port: number, text: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  socket.setEncoding('latin1').write(text, 'latin1');
  let received = '';
  socket.on('data', (chunk: string) => (received += chunk));
  await new Promise((resolve) => socket.once('close', resolve));
  return received;
}

/** Requests on as many new connections as there are workers: each worker gets one. */
export async function atEachWorker<T>(workers: number, request: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < workers; i++) results.push(await request());
  return results;
}
