import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { freePort, RunningProcess, runProgram, waitForPort } from '../processes.ts';
import { findProgram, missingPrograms, programEnvironment } from '../programs.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { cephConf } from './ceph-conf.ts';

const PROGRAMS = ['ceph-mon', 'ceph-osd', 'ceph-authtool', 'monmaptool', 'ceph', 'rados', 'ldconfig'];
const GATEWAY_PROGRAMS = ['radosgw', 'radosgw-admin'];
/** Time for each step of the start. */
const STEP_TIMEOUT_MS = 60_000;

export const POOL = 'registry';
/** Its permissions are those of docs/storage-rados.md. */
export const USER = 'registry';
export const S3_KEYS = { accessKey: 'test-access-key', secretKey: 'test-secret-key' };

/** Programs of Ceph that this machine does not have. */
export const missingCeph = await missingPrograms(PROGRAMS);
export const missingGateway = await missingPrograms([...PROGRAMS, ...GATEWAY_PROGRAMS]);
if (missingGateway.length > 0) {
  console.warn(`missing: ${missingGateway.join(', ')} (packages ceph-mon, ceph-osd, ceph-common, radosgw)`);
}

/** A cluster of one monitor and one OSD, which stores in memory; and the S3 gateway, if requested. On loopback, without root. */
export class CephCluster implements AsyncDisposable {
  readonly #directory: string;
  readonly #owned: AsyncDisposable[] = [];
  #osd: RunningProcess | undefined;
  #gatewayUrl: string | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async start({ gateway = false } = {}): Promise<CephCluster> {
    const directory = await temporaryDirectory();
    const cluster = new CephCluster(directory.path);
    cluster.#owned.push(directory);
    try {
      const [monitorPort, gatewayPort] = [await freePort(), await freePort()];
      await cluster.#startMonitor(monitorPort, gatewayPort);
      await cluster.#startOsd();
      if (gateway) await cluster.#startGateway(gatewayPort);
      return cluster;
    } catch (err) {
      await cluster[Symbol.asyncDispose]();
      throw err;
    }
  }

  get configFile(): string {
    return this.#file('ceph.conf');
  }

  get keyring(): string {
    return this.#file('keyring');
  }

  /** URL of the S3 gateway. */
  get gatewayUrl(): string {
    if (this.#gatewayUrl === undefined) throw new Error('started without the gateway');
    return this.#gatewayUrl;
  }

  /** Calls hang until {@link thaw}. The gateway does not recover from it. */
  freeze(): void {
    this.#osd?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#osd?.kill('SIGCONT');
  }

  /** Runs a program of Ceph as the administrator. @returns its output */
  async run(program: string, ...args: readonly string[]): Promise<string> {
    const { stdout } = await runProgram(await find(program), ['-c', this.configFile, ...args], this.#options);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.thaw();
    for (const owned of this.#owned.toReversed()) await owned[Symbol.asyncDispose]();
  }

  async #startMonitor(monitorPort: number, gatewayPort: number): Promise<void> {
    const libraries = await librariesDirectory();
    const { fsid, text } = cephConf({ directory: this.#directory, libraries, monitorPort, gatewayPort });
    await writeFile(this.configFile, text);
    await this.#writeKeys();
    const monmap = this.#file('monmap');
    const address = `[v2:127.0.0.1:${monitorPort}]`;
    await this.#runAlone('monmaptool', '--create', '--clobber', '--fsid', fsid, '--addv', 'a', address, monmap);
    await this.run('ceph-mon', '-i', 'a', '--mkfs', '--monmap', monmap, '--keyring', this.keyring);
    const monitor = await this.#launch('ceph-mon', '-i', 'a');
    await waitForPort(monitorPort, monitor);
    await this.run('ceph', '--connect-timeout', '30', 'mon', 'stat');
  }

  /** One file for all users; the monitor takes over what it finds there. */
  async #writeKeys(): Promise<void> {
    await mkdir(this.#file('osd'));
    await mkdir(this.#file('mon'));
    await this.#runAlone('ceph-authtool', '--create-keyring', this.keyring);
    const users: readonly (readonly [string, ...string[]])[] = [
      ['mon.', 'mon', 'allow *'],
      ['client.admin', 'mon', 'allow *', 'osd', 'allow *', 'mgr', 'allow *'],
      ['osd.0', 'mon', 'allow profile osd', 'osd', 'allow *', 'mgr', 'allow profile osd'],
      ['client.rgw', 'mon', 'allow rw', 'osd', 'allow rwx'],
      [`client.${USER}`, 'mon', 'allow r', 'osd', `allow rwx pool=${POOL}`],
      ['client.reader', 'mon', 'allow r', 'osd', `allow r pool=${POOL}`],
    ];
    for (const [user, ...caps] of users) {
      const args = caps.flatMap((text, index) => (index % 2 === 0 ? ['--cap', text] : [text]));
      await this.#runAlone('ceph-authtool', this.keyring, '--gen-key', '-n', user, ...args);
    }
  }

  async #startOsd(): Promise<void> {
    const uuid = randomUUID();
    await this.run('ceph', 'osd', 'new', uuid, '0');
    await this.run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', uuid);
    this.#osd = await this.#launch('ceph-osd', '-i', '0');
    await this.#waitForOsd(this.#osd);
    await this.run('ceph', 'osd', 'pool', 'create', POOL, '8', '8');
    await this.run('ceph', 'osd', 'pool', 'application', 'enable', POOL, 'registry');
    // The first write waits until the pool is usable.
    await this.run('rados', '-p', POOL, 'create', 'probe');
    await this.run('rados', '-p', POOL, 'rm', 'probe');
  }

  async #waitForOsd(osd: RunningProcess): Promise<void> {
    const deadline = Date.now() + STEP_TIMEOUT_MS;
    while (!(await this.run('ceph', 'osd', 'stat')).includes('1 up')) {
      if (!osd.isRunning || Date.now() > deadline) throw new Error(`the OSD did not start:\n${osd.output}`);
      await delay(100);
    }
  }

  async #startGateway(port: number): Promise<void> {
    const gateway = await this.#launch('radosgw', '-n', 'client.rgw');
    await waitForPort(port, gateway);
    const { accessKey, secretKey } = S3_KEYS;
    const user = ['--uid=test', '--display-name=test', `--access-key=${accessKey}`, `--secret-key=${secretKey}`];
    await this.run('radosgw-admin', '-n', 'client.rgw', 'user', 'create', ...user);
    this.#gatewayUrl = `http://127.0.0.1:${port}`;
  }

  async #launch(program: string, ...args: readonly string[]): Promise<RunningProcess> {
    const all = [...args, '-c', this.configFile, '-f'];
    const started = await RunningProcess.start(await find(program), all, this.#options);
    this.#owned.push(started);
    return started;
  }

  /** Without the cluster's configuration. */
  async #runAlone(program: string, ...args: readonly string[]): Promise<void> {
    await runProgram(await find(program), args, this.#options);
  }

  get #options() {
    return { env: programEnvironment(), timeoutMs: STEP_TIMEOUT_MS };
  }

  #file(name: string): string {
    return join(this.#directory, name);
  }
}

async function find(program: string): Promise<string> {
  const path = await findProgram(program);
  if (path === undefined) throw new Error(`${program} is missing`);
  return path;
}

async function librariesDirectory(): Promise<string> {
  const { stdout } = await runProgram(await find('ldconfig'), ['-p']);
  const path = /\/\S*librados\.so\.2$/m.exec(stdout)?.[0];
  if (path === undefined) throw new Error('librados.so.2 is missing');
  return dirname(path);
}
