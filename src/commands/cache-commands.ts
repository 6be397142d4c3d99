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
import type { CacheTarget } from './cache-target.ts';
import type { TargetOptions } from './open-cache.ts';
import { parseCount } from './parse-count.ts';
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

const CONFIG = 'configuration file of the server (default: the same as for `serve`)';
const NAME = 'repository:tag or repository@digest, as in `cache list`';

const HELP = `
Names are stored names, as in \`cache list\`: docker.io/library/alpine:3.20.

The commands connect to the running server, through the socket in its storage directory or at its admin.addr. Without
a running server they open the storage and its index. For a server on another machine, use --server and --token-file.

  $ layover cache list --sort used --limit 20     least recently used first
  $ layover cache list --filter '*/library/**'    Docker's official images
  $ layover cache pin 'docker.io/library/*:lts'   protect these from expiry and eviction
  $ layover cache evict docker.io/library/node:18
  $ layover cache stats --json --server http://cache.example:5002 --token-file token`;

const REBUILD_HELP = `
Use it after another program wrote to the storage, or after files were removed by hand. Use records are kept. A running
server continues to serve.

  $ layover index rebuild config.yml`;

/** `cache …` and `index …`: inspect and change stored content. */
export function addCacheCommands(program: Command, context: CacheCommandsContext): void {
  const cache = program
    .command('cache')
    .description('inspect, pin, evict, refresh and check stored content')
    .addHelpText('after', HELP);
  addInspecting(cache, context);
  addPinning(cache, context);
  addRemoving(cache, context);
  addScrub(cache, context);
  addIndex(program, context);
}

function addInspecting(cache: Command, context: CacheCommandsContext): void {
  const list = cache.command('list').description('list stored images with size and last use');
  onAll(list, context, (options) => (target, output) => listCache(target, listQuery(options), output))
    .option('--filter <glob>', "a glob for name and tag ('docker.io/library/*:lts'), or a part of a name")
    .addOption(
      new Option('--sort <by>', 'by name, least recently used first, or largest first')
        .choices(LIST_ORDERS)
        .default('name'),
    )
    .option('--blobs', 'list blobs instead of images')
    .option('--limit <n>', 'maximum number of rows', parseCount, 100)
    .option('--cursor <cursor>', 'cursor from the previous page (default: the first page)')
    .addHelpText(
      'after',
      examples('cache list --sort used --limit 20', "cache list --filter '*/library/**' config.yml"),
    );
  const show = cache
    .command('show')
    .description('show one image: its parts, repositories that share them, last use and expiry');
  onOne(
    show.argument('<name>', NAME),
    context,
    (name) => (target, output) => showCached(target, name, output),
  ).addHelpText('after', examples('cache show docker.io/library/alpine:3.20'));
  const stats = cache.command('stats').description('show how much is stored, the limits and the state of the index');
  onAll(stats, context, () => showStats).addHelpText('after', examples('cache stats', 'cache stats --json config.yml'));
}

function addPinning(cache: Command, context: CacheCommandsContext): void {
  const pattern = 'repository, repository:tag or repository@digest; * and ** are wildcards';
  const pin = cache.command('pin').description('protect images from expiry and eviction');
  onOne(
    pin.argument('<pattern>', pattern),
    context,
    (name) => (target, output) => pinCached(target, name, output),
  ).addHelpText('after', examples("cache pin 'docker.io/library/*:lts'", "cache pin 'ghcr.io/acme/**'"));
  const pins = cache.command('pins').description('list pins, set by command or in storage.quota.pins');
  onAll(pins, context, () => listPins).addHelpText('after', examples('cache pins'));
  const unpin = cache
    .command('unpin')
    .description('remove a pin')
    .argument('<pattern>', 'the pattern of the pin, or a glob for the patterns of several');
  onOne(unpin, context, (name) => (target, output) => unpinCached(target, name, output)).addHelpText(
    'after',
    examples("cache unpin 'docker.io/library/*:lts'"),
  );
}

function addRemoving(cache: Command, context: CacheCommandsContext): void {
  const evict = cache.command('evict').description('remove images, with the blobs that no other image refers to');
  onOne(evict.argument('<name>', `${NAME}, or a glob`), context, (name, options) => (target, output) => {
    const { force = false } = options as { force?: boolean };
    return evictCached(target, { name, force }, output);
  })
    .option('--force', 'also remove content that was pushed here, for good: no upstream has it')
    .addHelpText('after', examples('cache evict docker.io/library/node:18', "cache evict 'quay.io/**'"));
  const refresh = cache.command('refresh').description('revalidate a tag at its upstream now, and fetch its image');
  onOne(refresh.argument('<name>', 'repository:tag'), context, (name) => (target, output) => {
    return refreshCached(target, name, output);
  }).addHelpText('after', examples('cache refresh docker.io/library/alpine:3.20'));
}

function addScrub(cache: Command, context: CacheCommandsContext): void {
  const scrub = cache
    .command('scrub')
    .description(
      'compare stored blobs with their digests and quarantine damaged ones; exit code 2 if there are damaged or unreadable blobs',
    );
  onAll(scrub, context, (options) => (target, output) => scrubCache(target, scrubRequest(options), output))
    .option('--status', 'show the progress without starting a scrub')
    .option('--wait', 'wait until it finishes (always without a running server)')
    .addHelpText('after', examples('cache scrub --wait', 'cache scrub --status'));
}

function addIndex(program: Command, context: CacheCommandsContext): void {
  const index = program.command('index').description('manage the index of use records');
  const rebuild = index
    .command('rebuild')
    .description('rebuild the index from storage; exit code 2 if something cannot be read');
  onAll(rebuild.addHelpText('after', REBUILD_HELP), context, () => rebuildIndexOf);
}

function examples(...commands: readonly string[]): string {
  return ['', ...commands.map((command) => `  $ layover ${command}`)].join('\n');
}

/** A command for the whole cache. */
function onAll(command: Command, context: CacheCommandsContext, run: (options: SharedOptions) => Run): Command {
  return withTargetOptions(command).action(async (file: string | undefined, options: SharedOptions) => {
    context.end(await runOnCache(context, { ...options, file }, run(options)));
  });
}

/** A command with a name as its first argument. */
function onOne(
  command: Command,
  context: CacheCommandsContext,
  run: (name: string, options: SharedOptions) => Run,
): Command {
  return withTargetOptions(command).action(async (name: string, file: string | undefined, options: SharedOptions) => {
    context.end(await runOnCache(context, { ...options, file }, run(name, options)));
  });
}

/** Arguments and options that select the cache. */
export function withTargetOptions(command: Command): Command {
  return withTargetOption(command.argument('[config.yml]', CONFIG));
}

/** The same for a command whose arguments are a list, or that takes the configuration as an option everywhere. */
export function withTargetOption(command: Command): Command {
  return withServerOptions(command.option('-c, --config <file>', CONFIG));
}

/** The options of {@link withTargetOptions}. */
export function withServerOptions(command: Command): Command {
  return command
    .option('--json', 'print JSON')
    .option(
      '--server <url>',
      'address of the admin API, http://host:port or unix:/path/admin.sock (default: from the configuration)',
    )
    .option(
      '--token <token>',
      'the admin token; prefer --token-file, as the list of processes shows it (default: from the configuration)',
    )
    .option('--token-file <file>', 'file with the admin token');
}

interface RunOptions extends Pick<TargetOptions, 'file' | 'existing'>, Omit<SharedOptions, 'json'> {
  readonly json?: boolean;
  /** The option, for those who do not give `file` as an argument. */
  readonly config?: string;
}

/** @returns the exit code */
export async function runOnCache(context: CacheCommandsContext, options: RunOptions, work: Run): Promise<number> {
  const { openCache } = await import('./open-cache.ts');
  return runOn(openCache, context, { options, work });
}

/** @returns the exit code */
export async function runOn<T extends { close(): Promise<void> }>(
  open: (options: TargetOptions) => Promise<T>,
  { env, out, err }: CacheCommandsContext,
  run: { readonly options: RunOptions; readonly work: (target: T, output: CacheOutput) => Promise<number | void> },
): Promise<number> {
  const { json = false, config, file = config, ...options } = run.options;
  try {
    await using target = disposable(await open({ ...options, file, env }));
    return (await run.work(target, { out, err, json, now: Date.now })) ?? 0;
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    err.write(`layover: ${error.message}\n`);
    return 1;
  }
}

function disposable<T extends { close(): Promise<void> }>(target: T): T & AsyncDisposable {
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
