import { type Command, Option } from 'commander';

import { LIST_ORDERS, type ListOrder } from '../operations/cache-control.ts';
import { ControlError } from '../operations/control-error.ts';
import {
  type CacheOutput,
  evictCached,
  listCache,
  listPins,
  pinCached,
  refreshCached,
  scrubCache,
  showCached,
  showStats,
  unpinCached,
} from './cache.ts';
import { rebuildIndexOf } from './index-rebuild.ts';
import type { CacheTarget } from './open-cache.ts';
import type { ProgressOutput } from './progress-bar.ts';

export interface CacheCommandsContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: ProgressOutput;
  readonly err: ProgressOutput;
  readonly end: (code: number) => void;
}

export interface SharedOptions {
  readonly json?: true;
  readonly server?: string;
  readonly token?: string;
  readonly tokenFile?: string;
}

export type Run = (target: CacheTarget, output: CacheOutput) => Promise<number | void>;

const CONFIG = 'configuration of the server; else as `serve` finds it';
const NAME = 'as `cache list` shows it: repository:tag or repository@digest';

const HELP = `
Names are those of the storage, as \`cache list\` shows them: docker.io/library/alpine:3.20.

A running server is asked through the socket in its storage directory, or by its admin.addr. When none runs, the
storage and its index are opened directly. A server on another machine takes --server and --token-file.

  $ layover cache list --sort used --limit 20     what would go first
  $ layover cache list --filter '*/library/**'    images of Docker's own
  $ layover cache pin 'docker.io/library/*:lts'   never forget these
  $ layover cache evict docker.io/library/node:18
  $ layover cache stats --json --server http://cache.example:5002 --token-file token`;

const REBUILD_HELP = `
Needed after another program has written to the storage, or when files were removed by hand. What is known of use stays. A
running server goes on serving.`;

/** `cache …` and `index …`: looking at what is stored, and doing something about it. */
export function addCacheCommands(program: Command, context: CacheCommandsContext): void {
  const cache = program
    .command('cache')
    .description('look at what is stored, pin it, evict it, check it')
    .addHelpText('after', HELP);
  addLooking(cache, context);
  addPinning(cache, context);
  addRemoving(cache, context);
  addScrub(cache, context);
  addIndex(program, context);
}

function addLooking(cache: Command, context: CacheCommandsContext): void {
  const list = cache.command('list').description('images, with their size and when they were last used');
  onAll(list, context, (options) => (target, output) => listCache(target, listQuery(options), output))
    .option('--filter <glob>', "'docker.io/library/*:lts' for names with * and **, and tags; else a part of a name")
    .addOption(
      new Option('--sort <by>', 'name, least recently used first, or largest first')
        .choices(LIST_ORDERS)
        .default('name'),
    )
    .option('--blobs', 'blobs instead of images')
    .option('--limit <n>', 'lines at most', Number, 100)
    .option('--cursor <cursor>', 'where the page before ended');
  const show = cache.command('show').description('one image: what it is made of, who shares it, when it expires');
  onOne(show.argument('<name>', NAME), context, (name) => (target, output) => showCached(target, name, output));
  const stats = cache.command('stats').description('how much is stored, and under which limits');
  onAll(stats, context, () => showStats);
}

function addPinning(cache: Command, context: CacheCommandsContext): void {
  const pattern = 'repository, repository:tag or repository@digest, with * and **';
  const pin = cache.command('pin').description('keep what a name or glob stands for, whatever its age');
  onOne(pin.argument('<pattern>', pattern), context, (name) => (target, output) => pinCached(target, name, output));
  const pins = cache.command('pins').description('what is pinned, by command or by storage.quota.pins');
  onAll(pins, context, () => listPins);
  const unpin = cache.command('unpin').description('take a pin back').argument('<pattern>', 'as it was pinned');
  onOne(unpin, context, (name) => (target, output) => unpinCached(target, name, output));
}

function addRemoving(cache: Command, context: CacheCommandsContext): void {
  const evict = cache.command('evict').description('remove images now, with the blobs that no other image needs');
  onOne(evict.argument('<name>', `${NAME}; or a glob`), context, (name) => (target, output) => {
    return evictCached(target, name, output);
  });
  const refresh = cache.command('refresh').description('ask the upstream now what a tag names');
  onOne(refresh.argument('<name>', 'repository:tag'), context, (name) => (target, output) => {
    return refreshCached(target, name, output);
  });
}

function addScrub(cache: Command, context: CacheCommandsContext): void {
  const scrub = cache
    .command('scrub')
    .description(
      'read everything that is stored and put aside what is damaged; exit code 2 if anything is, or cannot be read',
    );
  onAll(scrub, context, (options) => (target, output) => scrubCache(target, scrubRequest(options), output))
    .option('--status', 'only say how far a running one is')
    .option('--wait', 'come back when it is over');
}

function addIndex(program: Command, context: CacheCommandsContext): void {
  const index = program.command('index').description('the index of what was used when');
  const rebuild = index.command('rebuild').description('make the index say what storage has');
  onAll(rebuild.addHelpText('after', REBUILD_HELP), context, () => rebuildIndexOf);
}

/** A command about everything that is stored. */
function onAll(command: Command, context: CacheCommandsContext, run: (options: SharedOptions) => Run): Command {
  return withTargetOptions(command).action(async (file: string | undefined, options: SharedOptions) => {
    context.end(await runOnCache(context, { ...options, file }, run(options)));
  });
}

/** A command that has a name as its first argument. */
function onOne(command: Command, context: CacheCommandsContext, run: (name: string) => Run): Command {
  return withTargetOptions(command).action(async (name: string, file: string | undefined, options: SharedOptions) => {
    context.end(await runOnCache(context, { ...options, file }, run(name)));
  });
}

/** Which cache a command is about. */
export function withTargetOptions(command: Command): Command {
  return command
    .argument('[config.yml]', CONFIG)
    .option('--json', 'for programs')
    .option('--server <url>', 'address of the admin API: http://host:port, or unix:/path/admin.sock')
    .option('--token <token>', 'of admin.token; seen by everybody on the machine')
    .option('--token-file <file>', 'a file with the token');
}

/** @returns the exit code */
export async function runOnCache(
  { env, out, err }: CacheCommandsContext,
  { json = false, ...options }: { file: string | undefined } & Omit<SharedOptions, 'json'> & { json?: boolean },
  run: Run,
): Promise<number> {
  try {
    const { openCache } = await import('./open-cache.ts');
    await using target = disposable(await openCache({ ...options, env }));
    return (await run(target, { out, err, json, now: Date.now })) ?? 0;
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    err.write(`layover: ${error.message}\n`);
    return 1;
  }
}

function disposable(target: CacheTarget): CacheTarget & AsyncDisposable {
  return { ...target, [Symbol.asyncDispose]: () => target.close() };
}

function listQuery(options: SharedOptions) {
  const { filter, sort, blobs, limit, cursor } = options as SharedOptions & {
    filter?: string;
    sort?: ListOrder;
    blobs?: true;
    limit?: number;
    cursor?: string;
  };
  return { filter, sort, kind: blobs ? ('blob' as const) : ('manifest' as const), limit, cursor };
}

function scrubRequest(options: SharedOptions) {
  const { status = false, wait = false } = options as { status?: boolean; wait?: boolean };
  return { status, wait };
}
