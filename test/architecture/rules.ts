import type { SourceFile } from './source-file.ts';

/** What a folder, or a file at the root of the sources, may import. Said in words in docs/ARCHITECTURE.md, which a test compares. */
export interface Room {
  /** Folders with everything in them, or single files. */
  readonly imports: readonly string[];
  /** The same, of which it may know the types alone. */
  readonly types?: readonly string[];
}

export const ROOMS: Readonly<Record<string, Room>> = {
  'main.ts': { imports: ['commands', 'config', 'version.ts'] },
  commands: {
    imports: [
      'admin',
      'config',
      'expiry/cache-control.ts',
      'images',
      'oci',
      'server.ts',
      'stopped-cache.ts',
      'telemetry',
      'version.ts',
    ],
    types: ['expiry'],
  },
  'server.ts': { imports: ['admin', 'context.ts', 'http'], types: ['telemetry'] },
  'context.ts': {
    imports: ['auth', 'composition', 'expiry', 'http/health.ts', 'keeper.ts', 'redis', 'registry'],
    types: ['content', 'http/health-dependencies.ts', 'http/peer-fills.ts', 'oci', 'telemetry', 'upstream'],
  },
  composition: {
    imports: [
      'cache',
      'content',
      'expiry',
      'notifications',
      'redis',
      'registry',
      'storage',
      'stream',
      'upstream',
      'version.ts',
    ],
    types: ['http/peer-fills.ts', 'oci', 'telemetry'],
  },
  'stopped-cache.ts': {
    imports: ['content', 'expiry', 'keeper.ts', 'redis', 'storage', 'stream'],
    types: ['telemetry'],
  },
  'keeper.ts': { imports: ['registry/spool-locks.ts'] },
  admin: {
    imports: [
      'expiry/cache-control.ts',
      'http/bound-server.ts',
      'http/debug-profiles.ts',
      'http/foreign-requests.ts',
      'http/known-hosts.ts',
    ],
  },
  http: { imports: ['auth', 'oci', 'registry', 'stream', 'telemetry', 'version.ts'] },
  auth: { imports: ['cache/lru.ts', 'matching', 'oci'] },
  notifications: { imports: ['oci'], types: ['registry/content-event.ts'] },
  images: { imports: ['oci', 'registry/blob-download.ts', 'upstream/registry-client.ts', 'upstream/upstream.ts'] },
  registry: { imports: ['cache', 'matching', 'oci', 'stream', 'upstream/upstream.ts'], types: ['content'] },
  content: { imports: ['oci', 'storage/driver.ts', 'storage/staging.ts', 'stream'] },
  expiry: { imports: ['matching', 'oci', 'redis', 'storage/driver.ts'], types: ['content', 'stream'] },
  upstream: { imports: ['cache', 'oci'] },
  storage: { imports: ['stream'] },
  stream: { imports: ['oci'] },
  telemetry: {
    imports: [],
    types: [
      'auth/auth-events.ts',
      'cache/descriptor-cache.ts',
      'expiry/collections.ts',
      'expiry/housekeeping.ts',
      'notifications/notification-events.ts',
      'redis/redis.ts',
      'upstream/upstream.ts',
    ],
  },
  cache: { imports: ['oci', 'redis'] },
  redis: { imports: [] },
  config: { imports: ['matching'] },
  matching: { imports: [] },
  oci: { imports: [] },
  'version.ts': { imports: [] },
};

/** The typed configuration is a word that everybody may use; reading it from somewhere is not. */
const EVERYBODYS_TYPES = 'config/config.ts';

/** Where each package comes in. To change one, one folder is to be changed. */
export const DOORS: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/client-s3': ['storage'],
  '@aws-sdk/s3-request-presigner': ['storage'],
  '@node-rs/bcrypt': ['auth'],
  '@opentelemetry/api': ['telemetry'],
  '@opentelemetry/exporter-trace-otlp-http': ['telemetry'],
  '@opentelemetry/resources': ['telemetry'],
  '@opentelemetry/sdk-trace-node': ['telemetry'],
  'acme-client': ['http'],
  commander: [
    'commands/cache-commands.ts',
    'commands/garbage-collect.ts',
    'commands/image-commands.ts',
    'commands/tool-commands.ts',
    'main.ts',
  ],
  express: ['admin', 'http'],
  'fastest-levenshtein': ['config'],
  'hash-wasm': ['content'],
  'http-proxy': ['http'],
  ioredis: ['redis'],
  jose: ['auth'],
  lmdb: ['expiry'],
  'lru-cache': ['cache'],
  'p-limit': ['content', 'images', 'registry'],
  pino: ['telemetry'],
  re2js: ['matching'],
  'prom-client': ['telemetry'],
  'tar-stream': ['images'],
  tldts: ['upstream'],
  undici: ['upstream', 'http/health-checks.ts', 'notifications/http-sink.ts'],
  yaml: ['config'],
  zod: ['config'],
};

/** Plug-ins are known to whoever lists them, and not to each other. */
const PLUG_INS: readonly { readonly files: RegExp; readonly listedIn: string }[] = [
  { files: /^storage\/(?:filesystem|inmemory|s3)\.ts$/, listedIn: 'storage/index.ts' },
  { files: /^upstream\/credentials\/\w[\w-]*-credentials\.ts$/, listedIn: 'upstream/credentials/credentials-chain.ts' },
];

const ENVIRONMENT_READER = 'config/process-environment.ts';
const READS_ENVIRONMENT = /\bprocess\s*(?:\.\s*env\b|\[\s*['"]env['"]\s*\])|\benv\b[^;]*\bfrom\s*['"]node:process['"]/;
const MAX_LINES = 400;
const SAYS_NOTHING = /^(?:utils?|helpers?|common|misc|types|managers?|services?)$/;

/** Everything that is against the rules, a line each. */
export function findViolations(files: readonly SourceFile[]): string[] {
  return [...files.flatMap(violationsOf), ...findCycles(files)];
}

function violationsOf(file: SourceFile): string[] {
  const { path, lines, code } = file;
  return [
    ...wrongImports(file),
    ...(lines < MAX_LINES ? [] : [`${path} has ${lines} lines`]),
    ...(path
      .replace(/\.ts$/, '')
      .split('/')
      .some((part) => SAYS_NOTHING.test(part))
      ? [`${path}: the name says nothing`]
      : []),
    ...(path !== ENVIRONMENT_READER && READS_ENVIRONMENT.test(code) ? [`${path} reads the environment`] : []),
  ];
}

function wrongImports({ path, imports }: SourceFile): string[] {
  const room = ROOMS[roomOf(path)];
  if (!room) return [`${path} is in a folder that nobody has a rule for`];
  return imports.flatMap(({ target, isOurs, isTypeOnly }) => {
    if (!isOurs) return mayUsePackage(path, target) ? [] : [`${path} -> ${target}`];
    const isKnown = mayImport(path, room, { target, isTypeOnly }) && mayUsePlugIn(path, target);
    return isKnown ? [] : [`${path} -> ${target}${isTypeOnly ? ' (type)' : ''}`];
  });
}

function mayImport(path: string, room: Room, { target, isTypeOnly }: { target: string; isTypeOnly: boolean }): boolean {
  if (roomOf(path) === roomOf(target)) return true;
  if (isTypeOnly && target === EVERYBODYS_TYPES) return true;
  const allowed = isTypeOnly ? [...room.imports, ...(room.types ?? [])] : room.imports;
  return isWithin(target, allowed);
}

function mayUsePlugIn(path: string, target: string): boolean {
  return PLUG_INS.every(({ files, listedIn }) => !files.test(target) || path === listedIn);
}

function mayUsePackage(path: string, name: string): boolean {
  return name.startsWith('node:') || isWithin(path, DOORS[name] ?? []);
}

function isWithin(path: string, places: readonly string[]): boolean {
  return places.includes(path) || places.includes(roomOf(path));
}

/** The folder directly below the root, or the file that stands there. */
function roomOf(path: string): string {
  return path.split('/', 1).join();
}

/** One line for each way back to where it began; types count, as a reader has to know both files all the same. */
function findCycles(files: readonly SourceFile[]): string[] {
  const next = new Map(files.map(({ path, imports }) => [path, imports.filter((each) => each.isOurs)]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start !== -1) cycles.push([...way.slice(start), path].join(' -> '));
    if (start !== -1 || done.has(path)) return;
    for (const { target } of next.get(path) ?? []) visit(target, [...way, path]);
    done.add(path);
  };
  for (const { path } of files) visit(path, []);
  return cycles;
}
