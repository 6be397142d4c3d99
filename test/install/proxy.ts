import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { certificate } from '../http/tls/certificates.ts';
import { freePort, RunningProcess, waitForPort } from '../support/processes.ts';
import { findProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { open } from './opened.ts';
import type { Replica } from './two-replicas.ts';

export interface Proxy extends AsyncDisposable {
  readonly url: string;
  /** PEM of the authority of its certificate. */
  readonly ca: string;
  readonly output: () => string;
}

export type ProxyName = keyof typeof PROXIES;

interface Place {
  readonly directory: string;
  readonly port: number;
  readonly replicas: readonly Replica[];
}

const FILES = join(import.meta.dirname, '../../packaging/proxy');

/** Starts the proxy with our file, changed only in addresses and paths. */
export function startProxy(name: ProxyName, replicas: readonly Replica[]): Promise<Proxy> {
  return open(async (use) => {
    const directory = use(await temporaryDirectory()).path;
    const ca = await writeCertificates(directory);
    const port = await freePort();
    const { file, change, args } = PROXIES[name];
    const place = { directory, port, replicas };
    const path = join(directory, file);
    await writeFile(path, change(withReplicas(await readFile(join(FILES, file), 'utf8'), replicas), place));
    const program = await findProgram(name);
    const running = use(await RunningProcess.start(program ?? name, args(path, place)));
    await waitForPort(port, running);
    return { url: `https://localhost:${port}`, ca, output: () => running.output };
  });
}

/** @returns the authority */
async function writeCertificates(directory: string): Promise<string> {
  const ca = await certificate('authority');
  const { cert, key } = await certificate('localhost', { ca });
  const files = { 'fullchain.pem': cert, 'privkey.pem': key, 'registry.pem': `${cert}\n${key}` };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  return ca.cert;
}

function withReplicas(text: string, replicas: readonly Replica[]): string {
  return replicas.reduce(
    (changed, { port }, i) => changed.replaceAll(`layover-${i + 1}:5000`, `127.0.0.1:${port}`),
    text,
  );
}

/** @throws {Error} when our file has no such text, so that a test of another file would pass unnoticed */
function replaced(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`no "${from}" in the file of the proxy`);
  return text.replaceAll(from, to);
}

const PROXIES = {
  nginx: {
    file: 'nginx.conf',
    change: (text: string, { directory, port }: Place) => {
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (of) => `${of}_temp_path ${directory}/${of};`,
      );
      const own = `http {\n  access_log off;\n  ${temporary.join('\n  ')}`;
      const listening = replaced(text, 'listen 443', `listen 127.0.0.1:${port}`);
      return replaced(replaced(listening, '/etc/nginx/tls', directory), 'http {', own);
    },
    args: (path: string, { directory }: Place) => [
      ...['-c', path, '-p', directory],
      ...['-g', `daemon off; pid ${directory}/pid; error_log stderr; ${process.getuid?.() === 0 ? 'user root;' : ''}`],
    ],
  },
  haproxy: {
    file: 'haproxy.cfg',
    change: (text: string, { directory, port, replicas }: Place) => {
      const listening = replaced(replaced(text, 'bind :443', `bind 127.0.0.1:${port}`), '/etc/haproxy/tls', directory);
      const checked = replaced(listening, 'check port 5001', 'check');
      return replicas.reduce(
        (changed, own) => replaced(changed, `127.0.0.1:${own.port}`, `127.0.0.1:${own.port} port ${own.debugPort}`),
        checked,
      );
    },
    args: (path: string) => ['-db', '-f', path],
  },
} as const;
