import { createServer } from 'node:net';

import type { Listen } from '../../config/config.ts';
import { type Check, type CheckResult, type DoctorContext, failed, ok, skipped, warning } from '../check.ts';
import { codeOf, isLayover } from '../probe.ts';
import { serverUrl } from '../server-url.ts';

/** Of `engines` in package.json. */
const MIN_NODE = [20, 19] as const;
/** Each client and each upstream connection takes one. */
const MIN_OPEN_FILES = 4_096;
const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const MIN_MEMORY_BYTES = 256 * MIB;

export function processChecks({ machine, loaded, server }: DoctorContext): readonly Check[] {
  return [
    { name: 'node', run: async () => checkNode(machine.nodeVersion) },
    { name: 'open files', run: async () => checkOpenFiles(machine.openFiles) },
    { name: 'memory', run: async () => checkMemory(machine.memoryBytes) },
    ...(loaded && server === undefined
      ? [{ name: 'address', run: () => checkAddress(loaded.config.http.listen, serverUrl(loaded.config)) }]
      : []),
  ];
}

function checkNode(version: string): CheckResult {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const isNew = major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1]);
  if (isNew) return ok(version);
  return failed(`${version} is older than ${MIN_NODE.join('.')}`, 'install a current Node.js', 'node-is-too-old');
}

function checkOpenFiles(limit: number | undefined): CheckResult {
  if (limit === undefined || limit >= MIN_OPEN_FILES) return ok(limit === undefined ? 'no limit' : String(limit));
  const remedy = 'set LimitNOFILE=65536 in the unit of systemd, or --ulimit nofile=65536 for a container';
  return warning(`limit is ${limit}, for all clients together`, remedy, 'too-few-open-files');
}

function checkMemory(bytes: number): CheckResult {
  const text = bytes < GIB ? `${Math.round(bytes / MIB)} MiB` : `${(bytes / GIB).toFixed(1)} GiB`;
  if (bytes >= MIN_MEMORY_BYTES) return ok(text);
  return warning(`${text} for this machine or container`, 'give it 256 MiB or more', 'too-little-memory');
}

/** Free, or in use by this server. */
async function checkAddress(listen: Listen, url: string): Promise<CheckResult> {
  if (listen.net === 'unix') return skipped(listen.path);
  const code = await bindCode(listen);
  if (code === undefined) return ok(`${url} is free`);
  if (code === 'EADDRINUSE' && (await isLayover(url))) return ok(`the server listens on ${url}`);
  return cannotListen(code, listen);
}

/** @param code of the failure, such as `EACCES` */
export function cannotListen(code: string, { host = '', port }: Listen & { readonly net: 'tcp' }): CheckResult {
  const [reason, remedy] = whyNot(code, host, port);
  return failed(`http.addr: ${reason}`, remedy, 'the-port-is-in-use');
}

function whyNot(code: string, host: string, port: number): readonly [reason: string, remedy: string] {
  switch (code) {
    case 'EADDRINUSE':
      return [
        `port ${port} is in use by another program`,
        'set http.addr to a free port, or stop the other program (`ss -ltnp` lists it)',
      ];
    case 'EACCES':
      return [
        `this user must not listen on port ${port}`,
        'use a port above 1023, or give the capability CAP_NET_BIND_SERVICE (AmbientCapabilities= in the unit of systemd)',
      ];
    case 'EADDRNOTAVAIL':
      return [`${host} is not an address of this machine`, 'set http.addr to an address that `ip address` lists'];
    default:
      return [`cannot listen: ${code}`, 'set http.addr to another address or port'];
  }
}

function bindCode({ host, port }: Listen & { readonly net: 'tcp' }): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (err) => resolve(codeOf(err)));
    server.listen({ port, ...(host !== undefined && { host }) }, () => server.close(() => resolve(undefined)));
  });
}
