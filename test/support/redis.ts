import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { Redis } from 'ioredis';

import { freePort, RunningProcess, waitForPort } from './processes.ts';
import { findProgram, programEnvironment } from './programs.ts';
import { type TemporaryDirectory, temporaryDirectory } from './temporary-directory.ts';

export interface RedisServerOptions {
  /** More directives, as in `redis.conf`; `port` and `dir` are given. */
  readonly directives?: readonly string[];
  readonly sentinel?: boolean;
  /** Of the connection that tests look in by. */
  readonly password?: string;
  /** PEM of the CA, for a server that speaks TLS alone. */
  readonly ca?: string;
}

/** A real `redis-server`, or sentinel, on a loopback port; `await using` ends it and removes its files. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #directory: TemporaryDirectory;
  readonly #program: string;
  readonly #options: RedisServerOptions;
  #process: RunningProcess | undefined;
  #admin: Redis | undefined;

  private constructor(program: string, port: number, directory: TemporaryDirectory, options: RedisServerOptions) {
    this.#program = program;
    this.port = port;
    this.#directory = directory;
    this.#options = options;
  }

  static async start(options: RedisServerOptions = {}, port?: number): Promise<RedisServer> {
    const program = await findProgram('redis-server');
    if (program === undefined) throw new Error('no redis-server; ask missingPrograms() before');
    const server = new RedisServer(program, port ?? (await freePort()), await temporaryDirectory(), options);
    await server.launch();
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get directory(): string {
    return this.#directory.path;
  }

  get output(): string {
    return this.#process?.output ?? '';
  }

  /** A connection of the test's own, which waits for the server. */
  get admin(): Redis {
    const { password, ca } = this.#options;
    this.#admin ??= new Redis({
      port: this.port,
      host: '127.0.0.1',
      lazyConnect: true,
      retryStrategy: () => 50,
      ...(password !== undefined && { password }),
      ...(ca !== undefined && { tls: { ca } }),
    }).on('error', () => {});
    return this.#admin;
  }

  /** Again, on the same port, with what it saved. */
  async launch(): Promise<void> {
    const { directives = [], sentinel = false, ca } = this.#options;
    const file = join(this.#directory.path, 'redis.conf');
    const ports = ca === undefined ? [`port ${this.port}`] : ['port 0', `tls-port ${this.port}`];
    const common = [...ports, 'bind 127.0.0.1', `dir ${this.#directory.path}`];
    // A sentinel and a node of a cluster write into it, and start from what they wrote.
    if (this.#process === undefined) {
      const persistence = sentinel ? [] : ['save ""', 'appendonly no'];
      await writeFile(file, [...common, ...persistence, ...directives, ''].join('\n'));
      await chmod(file, 0o600);
    }
    const args = [file, ...(sentinel ? ['--sentinel'] : [])];
    this.#process = await RunningProcess.start(this.#program, args, { env: programEnvironment() });
    await waitForPort(this.port, this.#process);
  }

  /** Like a machine that hangs: connections stay, nothing is answered. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#process?.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#admin?.disconnect();
    this.resume();
    await this.#process?.stop();
    await this.#directory[Symbol.asyncDispose]();
  }
}

/** A master with a replica, watched by three sentinels that notice its death after a second. */
export async function startSentinels(masterName: string, serverDirectives: readonly string[] = []) {
  const started = new Servers();
  try {
    const master = await started.start({ directives: serverDirectives });
    const replicaOf = `replicaof 127.0.0.1 ${master.port}`;
    const replica = await started.start({ directives: [...serverDirectives, replicaOf] });
    await until(async () => (await master.admin.info('replication')).includes('state=online'));
    const directives = [
      `sentinel monitor ${masterName} 127.0.0.1 ${master.port} 2`,
      `sentinel down-after-milliseconds ${masterName} 1000`,
      `sentinel failover-timeout ${masterName} 5000`,
    ];
    const sentinels: RedisServer[] = [];
    for (let i = 0; i < 3; i++) sentinels.push(await started.start({ sentinel: true, directives }));
    for (const sentinel of sentinels) await until(() => knowsAll(sentinel, masterName));
    return { master, replica, sentinels, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
  } catch (err) {
    await started[Symbol.asyncDispose]();
    throw err;
  }
}

/** Servers that are ended together. */
class Servers implements AsyncDisposable {
  readonly #started: RedisServer[] = [];

  async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = await RedisServer.start(options);
    this.#started.push(server);
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#started.map((server) => server[Symbol.asyncDispose]()));
  }
}

async function knowsAll(sentinel: RedisServer, masterName: string): Promise<boolean> {
  const reply = await sentinel.admin.call('SENTINEL', 'MASTER', masterName);
  const flat = (reply as unknown[]).map(String);
  const of = (field: string) => Number(flat[flat.indexOf(field) + 1]);
  return of('num-slaves') === 1 && of('num-other-sentinels') === 2;
}

/** Three masters, with a third of the slots each, that take one another for dead after two seconds. */
export async function startCluster(nodeDirectives: readonly string[] = []) {
  const started = new Servers();
  try {
    const nodes: RedisServer[] = [];
    for (let i = 0; i < 3; i++) {
      const busPort = await freePort();
      const announced = ['cluster-announce-ip 127.0.0.1', `cluster-port ${busPort}`];
      const directives = ['cluster-enabled yes', 'cluster-node-timeout 2000', ...announced, ...nodeDirectives];
      const node = await started.start({ directives });
      await node.admin.call(
        'CLUSTER',
        'ADDSLOTSRANGE',
        Math.ceil((i * SLOTS) / 3),
        Math.ceil(((i + 1) * SLOTS) / 3) - 1,
      );
      await node.admin.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
      await nodes[0]?.admin.call('CLUSTER', 'MEET', '127.0.0.1', node.port, busPort);
      nodes.push(node);
    }
    for (const node of nodes) await until(() => isWhole(node));
    return { nodes, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
  } catch (err) {
    await started[Symbol.asyncDispose]();
    throw err;
  }
}

const SLOTS = 16_384;

async function isWhole(node: RedisServer): Promise<boolean> {
  return /cluster_state:ok[^]*cluster_known_nodes:3/.test(String(await node.admin.call('CLUSTER', 'INFO')));
}

/** @throws {Error} when it is not so after `timeoutMs` */
export async function until(isSo: () => boolean | Promise<boolean>, { timeoutMs = 20_000 } = {}): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not so after ${timeoutMs} ms: ${isSo.toString()}`);
    await delay(20);
  }
}

/** The one of `REDIS_URL` when that is set, which others may be using, or a server of our own. */
export async function openRedis() {
  const given = process.env['REDIS_URL'];
  if (!given) {
    const server = await RedisServer.start();
    return { address: server.address, admin: server.admin, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  }
  const admin = new Redis(given);
  const { hostname, port } = new URL(given);
  return {
    address: `${hostname}:${port || 6379}`,
    admin,
    async [Symbol.asyncDispose]() {
      await admin.quit();
    },
  };
}
