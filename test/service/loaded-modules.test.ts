import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { type ConfigObject, Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Writes the scripts that V8 has compiled, and the modules of Node that are loaded, to a file when the process ends. */
const REPORT = `
  import { writeFileSync } from 'node:fs';
  import { Session } from 'node:inspector';
  const scripts = [];
  const session = new Session();
  session.connect();
  session.on('Debugger.scriptParsed', ({ params }) => scripts.push(params.url));
  session.post('Debugger.enable');
  process.on('exit', () => writeFileSync(process.env.REPORT_FILE, JSON.stringify([scripts, process.moduleLoadList])));`;

/** What a server without options needs. Their own dependencies are below them. */
const PACKAGES = [
  ...['commander', 'zod', 'yaml', 'fastest-levenshtein'],
  ...['pino', 'pino-std-serializers', 'safe-stable-stringify', 'quick-format-unescaped', 'sonic-boom', 'atomic-sleep'],
  ...['thread-stream', 'on-exit-leak-free', '@pinojs/redact'],
  ...['lmdb', 'msgpackr', 'msgpackr-extract', 'node-gyp-build-optional-packages', 'detect-libc', 'ordered-binary'],
  ...['weak-lru-cache', '@harperfast/extended-iterable'],
  ...['lru-cache', 'p-limit', 'yocto-queue'],
];

/** Folders of src/ of which a server without options needs no file, or only those named. */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  auth: ['auth/identity.ts'],
  client: [],
  'http/auth': [],
  'http/passthrough': [],
  'http/peers': [],
  'http/tls': [],
  images: [],
  notifications: [],
  redis: ['redis/create-redis.ts', 'redis/keys.ts', 'redis/peer-secret.ts'],
  'storage/azure': [],
  'storage/gcs': [],
  'storage/inmemory': [],
  'storage/middleware': [],
  'storage/objects': [],
  'storage/rados': [],
  'storage/s3': [],
  'storage/tier': [],
};

/** Modules of Node that cost megabytes: its copies of undici and HTTP/2. */
const BUILT_INS = ['internal/deps/undici/undici', 'http2'];

const CONFIG = { proxy: { upstreams: [{ name: 'docker.io', remoteurl: 'https://registry-1.docker.io' }] } };

interface Loaded {
  readonly packages: readonly string[];
  readonly files: readonly string[];
  readonly builtIns: readonly string[];
}

/** The modules that a process has loaded by its end. */
async function loadedBy(config: ConfigObject, use: (layover: Layover) => Promise<unknown>): Promise<Loaded> {
  await using directory = await temporaryDirectory();
  const report = join(directory.path, 'report.json');
  const nodeArguments = ['--import', `data:text/javascript,${encodeURIComponent(REPORT)}`];
  await using layover = await Layover.startProcess({ config, nodeArguments, env: { REPORT_FILE: report } });
  await use(layover);
  await layover.kill('SIGTERM');
  const [scripts, modules] = JSON.parse(await readFile(report, 'utf8')) as [string[], string[]];
  const sources = (await Promise.all(scripts.map(sourcesOf))).flat();
  return {
    packages: [...new Set(sources.flatMap((path) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []))],
    files: sources.flatMap((path) => /^(?!.*\/node_modules\/).*\/src\/(.*)$/.exec(path)?.[1] ?? []),
    builtIns: modules.map((name) => name.replace(/^NativeModule /, '')),
  };
}

/** What is in a file of the bundle, by its source map. A package that is not bundled is a source itself. */
async function sourcesOf(url: string): Promise<readonly string[]> {
  if (!/^file:.*\/dist\/.*\.js$/.test(url)) return [url];
  const { sources } = JSON.parse(await readFile(new URL(`${url}.map`), 'utf8')) as { sources: readonly string[] };
  return sources;
}

it('a cache that has not been used has loaded only what it needs', async () => {
  const { packages, files, builtIns } = await loadedBy(CONFIG, async ({ url }) => {
    for (const path of ['/v2/', '/livez', '/readyz', '/']) expect((await fetch(url + path)).status).toBe(200);
  });
  const reason =
    'every start pays for it: load it by import() where it is configured, or list it here with what needs it';
  expect(packages.toSorted(), reason).toEqual(PACKAGES.toSorted());
  const unexpected = Object.entries(FOLDERS).flatMap(([folder, needed]) =>
    files.filter((file) => file.startsWith(`${folder}/`) && !needed.includes(file)),
  );
  expect(unexpected, reason).toEqual([]);
  expect(
    BUILT_INS.filter((name) => builtIns.includes(name)),
    reason,
  ).toEqual([]);
}, 60_000);

it('packages are loaded by the first request that needs them, and by the configuration', async () => {
  const config = { ...CONFIG, http: { debug: { addr: '127.0.0.1:0' } } };
  const { packages } = await loadedBy(config, async ({ url }) => {
    const { status, headers } = await fetch(`${url}/nowhere`);
    expect([status, headers.get('content-type')]).toEqual([404, 'application/json; charset=utf-8']);
  });
  expect(packages).toEqual(expect.arrayContaining(['express', 'prom-client']));
  expect(packages).not.toContain('undici');
}, 60_000);
