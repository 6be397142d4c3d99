import { resolve } from 'node:path';

import { type Command, InvalidArgumentError, Option } from 'commander';

import { parseSizeBytes } from '../config/units.ts';
import { ControlError } from '../operations/control-error.ts';
import {
  type CacheCommandsContext,
  type Run,
  runOnCache,
  type SharedOptions,
  withServerOptions,
  withTargetOptions,
} from './cache-commands.ts';
import { addCheckCommand } from './check-commands.ts';

const HELP = `
A bundle is an OCI layout with the images of a lock: a directory, or tar files. skopeo and podman read it too.

  $ layover bundle create --from images.lock.yaml -o usb
  $ layover bundle verify usb
  $ layover bundle import usb                  on the other side
  $ layover check images.lock.yaml`;

const CREATE_HELP = `
Images are read from the storage of the cache, which may be running. Nothing is fetched: an image that is not complete is
named, the others are written, and the exit code is 1. Repeated after an interruption, it resumes.

  $ layover bundle create --from images.lock.yaml -o usb /etc/layover/config.yml
  $ layover bundle create --from images.lock.yaml -o usb.tar --volume 4.4GiB`;

const VERIFY_HELP = `
Needs no cache. Without Layover: cd usb && sha256sum -c layover/SHA256SUMS

  $ layover bundle verify usb
  $ layover bundle verify usb.001.tar usb.002.tar`;

const IMPORT_HELP = `
Every byte is verified, and the tag of an image is written last. Content that the cache has is not read again. A running
server reads the bundle, as its user. Imported images are pinned until \`bundle forget\`.

Volumes can be imported one at a time: an image is complete with its last blob.

  $ layover bundle import usb.tar /etc/layover/config.yml
  $ layover bundle import usb.*.tar`;

/** `bundle create|verify|import|inventory|list|forget|check` */
export function addBundleCommands(program: Command, context: CacheCommandsContext): void {
  const bundle = program
    .command('bundle')
    .description('carry the images of a lock to a cache without a network')
    .addHelpText('after', HELP);
  addCreate(bundle, context);
  addVerify(bundle, context);
  addImport(bundle, context);
  addImported(bundle, context);
  addCheckCommand(bundle, context);
}

function addCreate(bundle: Command, context: CacheCommandsContext): void {
  bundle
    .command('create')
    .description('write the images of a lock from the storage of the cache into a directory or tar files')
    .argument('[config.yml]', 'configuration file of the server (default: the same as for `serve`)')
    .requiredOption('-o, --output <path>', 'a directory, new or of an earlier bundle, or a new file.tar')
    .requiredOption('--from <lock>', 'written by `layover lock`', once)
    .addOption(
      new Option(
        '--volume <size>',
        'write file.001.tar, file.002.tar … of at most this size, such as 4.4GiB',
      ).argParser(sizeOf),
    )
    .option('--strict', 'refuse a blob that is larger than a volume, instead of writing a larger volume')
    .option('--sign-key <file>', 'sign the bundle with a private key in PEM, EC P-256 or Ed25519')
    .option('--have <inventory>', 'leave out what the other side has: output of `bundle inventory` there', collect)
    .option('--base <bundle>', 'leave out what the other side has since it imported this bundle', collect)
    .option('--missing <file>', 'include these digests anyway: written by `bundle import --missing-to`', collect)
    .addHelpText('after', CREATE_HELP)
    .action((file: string | undefined, { from, ...options }: CreateFlags) =>
      run(context, async (signal) => {
        const { openContent } = await import('./open-content.ts');
        const { createBundle } = await import('./bundle-create.ts');
        const { readLock } = await import('./check.ts');
        const { digestsThere } = await import('./bundle-delta.ts');
        const { findPrivateKey } = await import('./bundle-keys.ts');
        const { output, volume: volumeBytes, strict = false } = options;
        const signKey = await findPrivateKey(options.signKey);
        const lock = await readLock(from);
        const { have: inventories = [], base = [], missing = [] } = options;
        const have = await digestsThere({ have: inventories, base, missing });
        await using content = await openContent({ file, env: context.env });
        return await createBundle(content, { output, lock, have, volumeBytes, strict, signKey, signal }, context);
      }),
    );
}

interface CreateFlags {
  readonly output: string;
  readonly from: string;
  readonly volume?: number;
  readonly strict?: true;
  readonly signKey?: string;
  readonly have?: readonly string[];
  readonly base?: readonly string[];
  readonly missing?: readonly string[];
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** A second value would silently replace the first. */
function once(value: string, before: string | undefined): string {
  if (before !== undefined) throw new InvalidArgumentError('Give one lock (layover lock makes one of several lists).');
  return value;
}

/** As in the configuration. */
function sizeOf(text: string): number {
  const bytes = parseSizeBytes(text);
  if (bytes === undefined || bytes <= 0) throw new InvalidArgumentError('Use a size such as 4.4GiB.');
  return bytes;
}

const KEY = 'refuse a bundle that is not signed with this public key in PEM';
const BUNDLE = 'a directory, a tar file, or volumes in any order';

function addVerify(bundle: Command, context: CacheCommandsContext): void {
  bundle
    .command('verify')
    .description('read a bundle, and compare sums, digests and manifests')
    .argument('<bundle...>', BUNDLE)
    .option('--key <file>', KEY)
    .addHelpText('after', VERIFY_HELP)
    .action((paths: readonly string[], { key }: { readonly key?: string }) =>
      run(context, async () => {
        const { verifyBundle } = await import('./bundle-verify.ts');
        return verifyBundle(paths, key, context);
      }),
    );
}

function addImport(bundle: Command, context: CacheCommandsContext): void {
  const command = bundle
    .command('import')
    .description('store the images of a bundle in the cache, whose server may be running')
    .argument(
      '<bundle...>',
      `${BUNDLE}; then the configuration file of the server, if its name ends with .yml or .yaml`,
    );
  withServerOptions(command)
    .option('--no-pin', 'let imported images expire and be evicted')
    .option('--dry-run', 'show what would be stored')
    .option('--key <file>', KEY)
    .option('--missing-to <file>', 'write the digests that are in neither place, for `bundle create --missing`')
    .addHelpText('after', IMPORT_HELP)
    .action((args: readonly string[], options: SharedOptions & ImportFlags) =>
      run(context, async (signal) => {
        const { importCommand } = await import('./bundle-import.ts');
        const { pin = true, dryRun = false, missingTo } = options;
        const { paths, file } = pathsOf(args);
        const { findPublicKey } = await import('./bundle-keys.ts');
        const key = (await findPublicKey(options.key))?.export({ type: 'spki', format: 'pem' }).toString();
        const request = { paths: paths.map((path) => resolve(path)), pin, dryRun, ...(key !== undefined && { key }) };
        const work: Run = (target, output) => importCommand(target, { request, missingTo, signal }, output);
        return runOnCache(context, { ...options, file }, work);
      }),
    );
}

/** A bundle has no such name. */
function pathsOf(args: readonly string[]): { paths: readonly string[]; file: string | undefined } {
  const isConfig = args.length > 1 && /\.ya?ml$/.test(args.at(-1) ?? '');
  return isConfig ? { paths: args.slice(0, -1), file: args.at(-1) } : { paths: args, file: undefined };
}

interface ImportFlags {
  readonly pin?: boolean;
  readonly dryRun?: true;
  readonly key?: string;
  readonly missingTo?: string;
}

function addImported(bundle: Command, context: CacheCommandsContext): void {
  const inventory = bundle
    .command('inventory')
    .description('print the digests of the blobs in the cache, for `bundle create --have` on the other side');
  withTargetOptions(inventory).action(async (file: string | undefined, options: SharedOptions) => {
    const { printInventory } = await import('./bundle-delta.ts');
    context.end(await runOnCache(context, { ...options, file }, printInventory));
  });
  const list = bundle.command('list').description('list the imported bundles whose images are pinned');
  withTargetOptions(list).action(async (file: string | undefined, options: SharedOptions) => {
    const { listBundles } = await import('./bundle-import.ts');
    context.end(await runOnCache(context, { ...options, file }, listBundles));
  });
  const forget = bundle
    .command('forget')
    .description('remove the pins of a bundle; other pins of the same images stay')
    .argument('<id>', 'as in `bundle list`');
  withTargetOptions(forget).action(async (id: string, file: string | undefined, options: SharedOptions) => {
    const { forgetBundle } = await import('./bundle-import.ts');
    const work: Run = (target, output) => forgetBundle(target, id, output);
    context.end(await runOnCache(context, { ...options, file }, work));
  });
}

/** Ends the work at a signal, and reports what an operator can act on. */
async function run({ err, end }: CacheCommandsContext, work: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const stop = new AbortController();
  let signalled = 0;
  const onSignal = (name: NodeJS.Signals, number: number) => {
    signalled = number;
    stop.abort(new Error(`stopped by ${name}`));
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    end(await work(stop.signal));
  } catch (error) {
    if (signalled > 0) return end(128 + signalled);
    const { explainFailure } = await import('../images/failure.ts');
    const explained = error instanceof ControlError ? error.message : explainFailure(error);
    if (explained === undefined) throw error;
    err.write(`layover: ${explained}\n`);
    end(1);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}
