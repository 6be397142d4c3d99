import { type Command, Option } from 'commander';

import { ControlError, LIST_ORDERS, type ListOrder } from '../expiry/cache-control.ts';
import {
  type CacheOutput,
  evictCached,
  listCache,
  pinCached,
  refreshCached,
  scrubCache,
  showCached,
  showStats,
  unpinCached,
} from './cache.ts';
import { rebuildIndexOf } from './index-rebuild.ts';
import { type CacheTarget, openCache } from './open-cache.ts';
import type { ProgressOutput } from './progress-bar.ts';

export interface CacheCommandsContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: ProgressOutput;
  readonly err: ProgressOutput;
  readonly end: (code: number) => void;
}

interface SharedOptions {
  readonly json?: true;
  readonly server?: string;
  readonly token?: string;
  readonly tokenFile?: string;
}

type Run = (target: CacheTarget, output: CacheOutput) => Promise<number | void>;

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

/** `cache …` and `index …`: looking at what is stored, and doing something about it. */
export function addCacheCommands(program: Command, context: CacheCommandsContext): void {
  const cache = program
    .command('cache')
    .description('look at what is stored, pin it, evict it, check it')
    .addHelpText('after', HELP);
  const shared = (command: Command, run: (options: SharedOptions, ...names: string[]) => Run, takesName: boolean) => {
    command
      .argument('[config.yml]', CONFIG)
      .option('--json', 'for programs')
      .option('--server <url>', 'address of the admin API: http://host:port, or unix:/path/admin.sock')
      .option('--token <token>', 'of admin.token; seen by everybody on the machine')
      .option('--token-file <file>', 'a file with the token')
      .action(async (...args: unknown[]) => {
        const names = args.slice(0, takesName ? 2 : 1) as (string | undefined)[];
        const file = takesName ? names[1] : names[0];
        const options = args.at(-2) as SharedOptions;
        context.end(
          await runWith(context, { ...options, file }, run(options, ...((takesName ? [names[0]] : []) as string[]))),
        );
      });
    return command;
  };

  const list = shared(
    cache.command('list').description('images, with their size and when they were last used'),
    (options) => (target, output) => listCache(target, listQuery(options), output),
    false,
  );
  list
    .option(
      '--filter <glob>',
      "a name with * and **, and optionally a tag: 'docker.io/library/*:lts'; without * a part of a name",
    )
    .addOption(
      new Option('--sort <by>', 'name, least recently used first, or largest first')
        .choices(LIST_ORDERS)
        .default('name'),
    )
    .option('--blobs', 'blobs instead of images')
    .option('--limit <n>', 'lines at most', Number, 100)
    .option('--cursor <cursor>', 'where the page before ended');

  shared(
    cache
      .command('show')
      .description('one image: what it is made of, who shares it, when it expires')
      .argument('<name>', NAME),
    (_, name = '') =>
      (target, output) =>
        showCached(target, name, output),
    true,
  );
  shared(
    cache
      .command('pin')
      .description('keep what a name or glob stands for, whatever its age; without one: what is pinned')
      .argument('[pattern]', "repository, repository:tag or repository@digest, with * and **; '' lists"),
    (_, pattern) => (target, output) => pinCached(target, pattern || undefined, output),
    true,
  );
  shared(
    cache.command('unpin').description('take a pin back').argument('<pattern>', 'as it was pinned'),
    (_, pattern = '') =>
      (target, output) =>
        unpinCached(target, pattern, output),
    true,
  );
  shared(
    cache
      .command('evict')
      .description('remove images now, with the blobs that no other image needs')
      .argument('<name>', `${NAME}; or a glob`),
    (_, name = '') =>
      (target, output) =>
        evictCached(target, name, output),
    true,
  );
  shared(
    cache.command('refresh').description('ask the upstream now what a tag names').argument('<name>', 'repository:tag'),
    (_, name = '') =>
      (target, output) =>
        refreshCached(target, name, output),
    true,
  );
  shared(
    cache.command('stats').description('how much is stored, and under which limits'),
    () => (target, output) => showStats(target, output),
    false,
  );
  const scrub = shared(
    cache
      .command('scrub')
      .description('read everything that is stored and put aside what is damaged; exit code 2 if anything is'),
    (options) => (target, output) => scrubCache(target, scrubRequest(options), output),
    false,
  );
  scrub.option('--status', 'only say how far a running one is').option('--wait', 'come back when it is over');

  const index = program.command('index').description('the index of what was used when');
  shared(
    index
      .command('rebuild')
      .description('make the index say what storage has')
      .addHelpText(
        'after',
        '\nNeeded after another program has written to the storage, or when files were removed by hand. What is known of\nuse stays. A running server goes on serving.',
      ),
    () => rebuildIndexOf,
    false,
  );
}

async function runWith(
  { env, out, err }: CacheCommandsContext,
  { json = false, ...options }: { file: string | undefined } & Omit<SharedOptions, 'json'> & { json?: boolean },
  run: Run,
): Promise<number> {
  try {
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
