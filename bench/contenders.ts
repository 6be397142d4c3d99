import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { env } from 'node:process';
import { stringify } from 'yaml';

import { type ConfigObject, Layover, dockerHubUpstream } from '../test/support/layover.ts';
import { freePort, RunningProcess, waitForPort } from '../test/support/processes.ts';
import { findProgram, programEnvironment } from '../test/support/programs.ts';
import { temporaryDirectory } from '../test/support/temporary-directory.ts';
import type { TlsFiles } from './tls.ts';

/** One cache, or a server that is a limit for caches, in front of the common upstream. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  /** Serves what it is given, and pulls nothing. */
  readonly isStatic: boolean;
  /** Where it keeps its content, or has it from. */
  readonly dataDirectory: string;
  /** Resident memory, in bytes. */
  rss(): Promise<number>;
  /** The most resident memory that it ever had, in bytes. */
  peakRss(): Promise<number>;
  /** CPU time of its process so far. */
  cpuSeconds(): Promise<number>;
}

/** As dist/main.js starts itself. */
export const NODE_ARGUMENTS = ['--max-semi-space-size=4', '--no-parallel-scavenge'];

/** A registry to push to, which does not wait for the disk. */
export async function startRelaxedLayover(): Promise<Contender> {
  return await startWith('layover relaxed', { storage: { filesystem: { durability: 'relaxed' } } });
}

/** The upstream of a cache. */
export interface BenchUpstream {
  readonly url: string;
  /** For the upstream and for the cache. */
  readonly tls?: TlsFiles;
}

/** Without an upstream: a registry to push to. */
export async function startLayover(hub?: BenchUpstream): Promise<Contender> {
  const tags = { ttl: '1h', rules: [{ match: '^stale$', ttl: '0s' }] };
  const tls = hub?.tls;
  const upstream = hub && dockerHubUpstream(hub, { tags, ...(tls && { tls: { ca: tls.ca } }) });
  return await startWith('layover', {
    ...(upstream && { proxy: { upstreams: [upstream] } }),
    ...(tls && { http: { tls: { certificate: tls.certificate, key: tls.key } } }),
  });
}

async function startWith(name: string, config: ConfigObject): Promise<Contender> {
  const layover = await Layover.startProcess({ nodeArguments: NODE_ARGUMENTS, config });
  return {
    name,
    url: layover.url,
    isStatic: false,
    dataDirectory: layover.dataDirectory,
    rss: () => layover.rss(),
    peakRss: () => layover.peakRss(),
    cpuSeconds: () => cpuSeconds(layover.pid),
    [Symbol.asyncDispose]: () => layover[Symbol.asyncDispose](),
  };
}

/** Debian's distribution as a pull-through cache, or without an upstream as a registry to push to; undefined where it is not installed. */
export async function startDistribution(hub?: BenchUpstream): Promise<Contender | undefined> {
  const program = await findProgram('docker-registry');
  return program === undefined ? undefined : startDistributionAs('docker-registry', program, hub);
}

/** Another version of distribution: the program that the variable `OTHER_DISTRIBUTION` names. */
export async function startOtherDistribution(hub?: BenchUpstream): Promise<Contender | undefined> {
  const program = env['OTHER_DISTRIBUTION'];
  return program === undefined ? undefined : startDistributionAs('other distribution', program, hub);
}

async function startDistributionAs(name: string, program: string, hub: BenchUpstream | undefined): Promise<Contender> {
  const directory = await temporaryDirectory();
  const [port, file] = [await freePort(), join(directory.path, 'config.yml')];
  const dataDirectory = join(directory.path, 'data');
  const config = {
    version: 0.1,
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: dataDirectory }, cache: { blobdescriptor: 'inmemory' } },
    http: {
      addr: `127.0.0.1:${port}`,
      ...(hub?.tls && { tls: { certificate: hub.tls.certificate, key: hub.tls.key } }),
    },
    ...(hub && { proxy: { remoteurl: hub.url } }),
  };
  await writeFile(file, stringify(config));
  const scheme = hub?.tls ? 'https' : 'http';
  const trust = hub?.tls && { SSL_CERT_FILE: hub.tls.ca };
  return startProcess(name, [program, 'serve', file], { scheme, port, directory, dataDirectory, env: trust });
}

export interface NginxOptions {
  /** Of each connection. @default no limit */
  readonly bytesPerSecond?: number;
}

/** nginx with the same content as plain files: no cache, the limit of what serving costs. Undefined where it is missing. */
export async function startNginx(
  files: ReadonlyMap<string, Iterable<Buffer>>,
  options: NginxOptions = {},
): Promise<Contender | undefined> {
  const program = await findProgram('nginx');
  if (program === undefined) return undefined;
  const directory = await temporaryDirectory();
  const port = await freePort();
  for (const [path, content] of files) {
    const target = join(directory.path, 'files', path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
  }
  const file = join(directory.path, 'nginx.conf');
  await writeFile(file, nginxConfig(directory.path, port, options));
  const contender = await startProcess('nginx', [program, '-p', directory.path, '-c', file], {
    port,
    directory,
    dataDirectory: join(directory.path, 'files'),
  });
  return { ...contender, isStatic: true };
}

function nginxConfig(directory: string, port: number, { bytesPerSecond = 0 }: NginxOptions): string {
  return `daemon off; master_process off; pid ${directory}/nginx.pid; error_log ${directory}/error.log;
user root;
events { worker_connections 512; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=100;
  default_type application/vnd.oci.image.manifest.v1+json;
  limit_rate ${Math.round(bytesPerSecond)};
  server { listen 127.0.0.1:${port}; root ${directory}/files; location = /v2/ { return 200 '{}'; } }
}`;
}

interface ProcessParts {
  readonly scheme?: 'http' | 'https';
  readonly port: number;
  readonly directory: AsyncDisposable;
  readonly dataDirectory: string;
  readonly env?: NodeJS.ProcessEnv | undefined;
}

async function startProcess(
  name: string,
  [command, ...args]: string[],
  { scheme = 'http', port, directory, dataDirectory, env: more }: ProcessParts,
): Promise<Contender> {
  const process = await RunningProcess.start(command ?? '', args, { env: { ...programEnvironment(), ...more } });
  await waitForPort(port, process);
  return {
    name,
    url: `${scheme}://127.0.0.1:${port}`,
    isStatic: false,
    dataDirectory,
    rss: () => memoryBytes(process.pid, 'VmRSS'),
    peakRss: () => memoryBytes(process.pid, 'VmHWM'),
    cpuSeconds: () => cpuSeconds(process.pid),
    async [Symbol.asyncDispose]() {
      await process.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
}

async function memoryBytes(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const [, kilobytes] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
  return Number(kilobytes) * 1024;
}

/** Clock ticks of Linux in a second, in /proc. */
const TICKS_PER_SECOND = 100;

/** @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html fields 14 and 15 */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name of the program, in parentheses, may have spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
