import { findCycles } from './cycles.ts';
import { PACKAGES, PAGE_PACKAGES } from './packages.ts';
import type { SourceFile } from './source-file.ts';

/** What a module may import: a folder, or a file at the root of the sources. docs/ARCHITECTURE.md has the same table; a test compares them. */
export interface Module {
  /** Folders with everything in them, or single files. */
  readonly imports: readonly string[];
  /** The same, but only their types. */
  readonly types?: readonly string[];
}

/** The longest key that contains a file is its module. */
export const MODULES: Readonly<Record<string, Module>> = {
  'main.ts': { imports: ['builtin', 'commands', 'config'] },
  commands: {
    imports: [
      'admin',
      'audit/recorded-text.ts',
      'bundles',
      'config',
      'doctor',
      'fetch',
      'files',
      'images',
      'jobs',
      'lists',
      'oci',
      'operations',
      'service',
      'setup',
      'signatures',
      'telemetry',
      'version.ts',
    ],
    types: ['audit', 'usage'],
  },
  library: {
    imports: [
      'auth',
      'cache',
      'client',
      'content',
      'fills',
      'filters',
      'hosted',
      'http',
      'images',
      'oci',
      'pull-through',
      'registry',
      'service',
      'storage',
      'stream',
      'testing',
      'upstream',
    ],
  },
  service: {
    imports: [
      'access',
      'admin',
      'admission',
      'audit',
      'auth',
      'browsing',
      'budget',
      'bundles',
      'cache',
      'client',
      'clock',
      'content',
      'dashboard',
      'fills',
      'filters',
      'health',
      'hosted',
      'http',
      'jobs',
      'lists/read-files.ts',
      'locks',
      'matching',
      'monitoring',
      'notifications',
      'oci',
      'operations',
      'policy',
      'pull-through',
      'redis',
      'retention',
      'setup/address.ts',
      'setup/shown-setup.ts',
      'sign-in',
      'signatures',
      'storage',
      'stream',
      'sync',
      'telemetry/combine-events.ts',
      'upstream',
      'verify',
      'version.ts',
      'workers/workers.ts',
    ],
    types: ['registry', 'telemetry'],
  },
  workers: {
    imports: [
      'audit/pull-batch.ts',
      'builtin',
      'cache',
      'http/client',
      'http/listen',
      'http/v2',
      'monitoring/activity.ts',
      'oci',
      'stream',
      'telemetry',
    ],
    types: ['audit', 'pull-through', 'registry'],
  },
  admin: {
    imports: [
      'builtin',
      'fetch',
      'http/client',
      'http/listen',
      'http/pages',
      'oci',
      'operations',
      'sign-in',
      'version.ts',
    ],
  },
  'sign-in': {
    imports: ['auth', 'files', 'http/auth', 'http/client', 'operations'],
    types: ['pull-through'],
  },
  dashboard: { imports: [] },
  'dashboard/page': { imports: [], types: ['admin', 'audit', 'operations'] },
  monitoring: {
    imports: ['oci', 'operations', 'version.ts'],
    types: ['clock', 'health', 'http/v2', 'pull-through', 'registry', 'telemetry', 'upstream', 'usage'],
  },
  browsing: {
    imports: ['matching', 'oci', 'operations', 'retention', 'stream'],
    types: ['registry', 'usage'],
  },
  'http/pages': { imports: ['builtin', 'http/client', 'http/listen', 'version.ts'], types: ['health', 'telemetry'] },
  'http/peers': { imports: ['http/v2', 'oci'], types: ['http/client', 'stream'] },
  'http/passthrough': { imports: ['builtin', 'http/listen', 'http/v2', 'oci'], types: ['pull-through', 'registry'] },
  'http/auth': { imports: ['auth', 'http/client', 'http/listen', 'http/v2', 'oci'], types: ['pull-through'] },
  'http/v2': {
    imports: ['auth', 'http/client', 'http/listen', 'oci', 'stream'],
    types: ['pull-through', 'registry', 'verify'],
  },
  'http/listen': { imports: ['builtin', 'http/tls', 'oci'], types: ['http/client'] },
  'http/tls': { imports: ['files'] },
  'http/client': { imports: [] },
  health: { imports: ['telemetry'] },
  auth: { imports: ['cache', 'fetch', 'files', 'matching', 'oci'] },
  notifications: {
    imports: ['builtin', 'oci'],
    types: ['clock', 'fills', 'operations', 'pull-through', 'registry', 'retention'],
  },
  sync: { imports: ['images', 'jobs', 'lists', 'oci', 'operations'], types: ['clock', 'matching', 'registry'] },
  jobs: { imports: ['images', 'lists', 'oci', 'operations'], types: ['clock', 'registry'] },
  bundles: { imports: ['images', 'lists', 'oci', 'operations'] },
  lists: { imports: ['images', 'oci'] },
  signatures: { imports: ['images', 'matching', 'oci'] },
  images: { imports: ['client', 'oci', 'upstream/upstream.ts'], types: ['registry'] },
  client: {
    imports: ['fills/blob-download.ts', 'oci', 'retry', 'stream', 'upstream'],
    types: ['registry'],
  },
  access: {
    imports: [
      'cache',
      'files',
      'matching',
      'oci',
      'operations',
      'pull-through/single-flight.ts',
      'redis',
      'upstream/upstream.ts',
    ],
    types: ['clock', 'registry'],
  },
  'pull-through': {
    imports: [
      'cache',
      'fills',
      'filters',
      'matching',
      'oci',
      'stream',
      'upstream/upstream.ts',
      'verify/verify-name.ts',
    ],
    types: ['budget', 'content', 'hosted', 'registry'],
  },
  fills: {
    imports: ['cache', 'clock', 'locks', 'oci', 'storage/driver.ts', 'stream', 'upstream/upstream.ts'],
    types: ['content', 'registry'],
  },
  doctor: {
    imports: ['fetch', 'redis/client.ts', 'setup', 'storage/index.ts', 'stream/buffer-pool.ts', 'upstream/realm.ts'],
    types: ['config'],
  },
  setup: { imports: ['files', 'operations', 'verify'] },
  verify: { imports: ['filters', 'oci', 'stream'], types: ['operations', 'registry'] },
  hosted: { imports: ['oci'], types: ['content', 'registry'] },
  filters: { imports: ['matching', 'oci'], types: ['registry'] },
  admission: {
    imports: ['cache', 'filters', 'images', 'matching', 'oci', 'operations', 'signatures'],
    types: ['clock', 'registry', 'usage'],
  },
  policy: {
    imports: ['files', 'matching', 'oci', 'operations', 'storage/driver.ts'],
    types: ['clock', 'registry'],
  },
  retention: {
    imports: ['matching', 'oci', 'operations', 'storage', 'stream', 'usage'],
    types: ['clock', 'content', 'redis'],
  },
  audit: {
    imports: [
      'cache',
      'lmdb',
      'matching',
      'oci',
      'operations',
      'redis',
      'retention/pins.ts',
      'stream/next-turn.ts',
      'usage/index-keys.ts',
    ],
    types: ['clock', 'usage'],
  },
  usage: {
    imports: ['lmdb', 'oci', 'operations/control-error.ts', 'redis', 'storage', 'stream/next-turn.ts'],
    types: ['clock', 'content'],
  },
  lmdb: { imports: [] },
  operations: { imports: ['oci'], types: ['audit', 'content', 'registry', 'usage'] },
  content: { imports: ['cache', 'clock', 'oci', 'storage', 'stream'], types: ['registry'] },
  registry: { imports: [], types: ['oci', 'stream'] },
  budget: { imports: ['cache', 'redis'], types: ['clock'] },
  upstream: {
    imports: ['budget', 'builtin', 'cache', 'clock', 'files', 'matching', 'oci', 'retry', 'stream'],
    types: ['registry'],
  },
  testing: { imports: ['storage', 'stream'] },
  storage: { imports: ['locks', 'retry', 'stream'] },
  stream: { imports: ['oci'] },
  telemetry: {
    imports: ['builtin', 'storage/driver.ts', 'version.ts'],
    types: [
      'access',
      'admission',
      'audit',
      'auth',
      'budget',
      'cache',
      'fills',
      'http/v2',
      'jobs',
      'notifications',
      'operations',
      'pull-through',
      'redis',
      'retention',
      'upstream',
    ],
  },
  cache: { imports: ['oci', 'redis'], types: ['clock'] },
  redis: { imports: [] },
  fetch: { imports: ['builtin', 'stream/bounded-body.ts'] },
  builtin: { imports: [] },
  clock: { imports: [] },
  files: { imports: [] },
  locks: { imports: [] },
  config: { imports: ['matching'] },
  matching: { imports: [] },
  oci: { imports: [] },
  retry: { imports: [] },
  'version.ts': { imports: [] },
};

const CONFIG_TYPES = 'config/config.ts';
/** Modules with their own options, which do not depend on the types of the configuration: others can use them as libraries. */
const WITHOUT_CONFIG: readonly string[] = [
  'cache',
  'clock',
  'library',
  'locks',
  'matching',
  'oci',
  'redis',
  'storage',
  'stream',
  'testing',
];

/** Modules of Node that only one file loads, for the reason in that file. Others import their types. */
const BUILT_INS: Readonly<Record<string, string>> = {
  'node:http': 'builtin/http.ts',
  'node:http2': 'builtin/http2.ts',
};

/** Plug-ins are imported where they are listed only, never by each other. */
const PLUG_INS: readonly { readonly files: RegExp; readonly listedIn: readonly string[] }[] = [
  { files: /^storage\/(filesystem|inmemory|s3|gcs|azure|rados)\/\1\.ts$/, listedIn: ['storage/index.ts', 'library'] },
  {
    files: /^upstream\/credentials\/\w[\w-]*-credentials\.ts$/,
    listedIn: ['upstream/credentials/credentials-chain.ts'],
  },
];

const ENVIRONMENT_READER = 'config/process-environment.ts';
const READS_ENVIRONMENT = /\bprocess\s*(?:\.\s*env\b|\[\s*['"]env['"]\s*\])|\benv\b[^;]*\bfrom\s*['"]node:process['"]/;
const MAX_LINES = 400;
const VAGUE_NAME = /^(?:utils?|helpers?|common|misc|types|managers?|services)$/;

/** One line for each violation of a rule. */
export function findViolations(files: readonly SourceFile[]): string[] {
  return [...files.flatMap(violationsOf), ...findCycles(files)];
}

function violationsOf(file: SourceFile): string[] {
  const { path, lines, code } = file;
  return [
    ...wrongImports(file),
    ...(lines < MAX_LINES ? [] : [`${path} has ${lines} lines`]),
    ...(path
      .replace(/\.tsx?$/, '')
      .split('/')
      .some((part) => VAGUE_NAME.test(part))
      ? [`${path}: the name is vague`]
      : []),
    ...(path !== ENVIRONMENT_READER && READS_ENVIRONMENT.test(code) ? [`${path} reads the environment`] : []),
  ];
}

function wrongImports({ path, imports }: SourceFile): string[] {
  const module = MODULES[moduleOf(path)];
  if (!module) return [`${path} is in a folder without a rule`];
  return imports.flatMap(({ target, isOurs, isTypeOnly }) => {
    if (target in BUILT_INS) return isTypeOnly ? [] : [`${path} -> ${target}: use ${BUILT_INS[target]}`];
    if (!isOurs) return mayUsePackage(path, target) ? [] : [`${path} -> ${target}`];
    const isKnown = mayImport(path, module, { target, isTypeOnly }) && mayUsePlugIn(path, target);
    return isKnown ? [] : [`${path} -> ${target}${isTypeOnly ? ' (type)' : ''}`];
  });
}

function mayImport(
  path: string,
  module: Module,
  { target, isTypeOnly }: { target: string; isTypeOnly: boolean },
): boolean {
  if (moduleOf(path) === moduleOf(target)) return true;
  if (isTypeOnly && target === CONFIG_TYPES) return !WITHOUT_CONFIG.includes(moduleOf(path));
  const allowed = isTypeOnly ? [...module.imports, ...(module.types ?? [])] : module.imports;
  return isWithin(target, allowed);
}

function mayUsePlugIn(path: string, target: string): boolean {
  return PLUG_INS.every(({ files, listedIn }) => !files.test(target) || isWithin(path, listedIn));
}

function mayUsePackage(path: string, name: string): boolean {
  return name.startsWith('node:') || isWithin(path, PACKAGES[name] ?? PAGE_PACKAGES[name] ?? []);
}

function isWithin(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}/`));
}

/** The longest module that contains the file; for a file outside of all, its folder directly below the root. */
function moduleOf(path: string): string {
  const containing = Object.keys(MODULES).filter((name) => path === name || path.startsWith(`${name}/`));
  return containing.toSorted((a, b) => b.length - a.length)[0] ?? path.split('/', 1).join();
}
