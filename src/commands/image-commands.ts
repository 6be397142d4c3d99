import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { type Command, InvalidArgumentError } from 'commander';

import type { RegistryAccess } from '../images/registry-access.ts';
import { VERSION } from '../version.ts';
import type * as imageCommands from './image.ts';
import type { ImageContext } from './image.ts';
import {
  COPY_HELP,
  DELETE_HELP,
  IMAGE_HELP,
  IMAGE_PLACES,
  INSPECT_HELP,
  LIST_HELP,
  PULL_HELP,
  PUSH_HELP,
  VERIFY_HELP,
} from './image-help.ts';
import type { ProgressOutput } from './progress-bar.ts';

export interface ImageCommandsContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: ImageContext['out'];
  readonly err: ProgressOutput;
  readonly end: (code: number) => void;
}

/** `image copy|pull|push|list|inspect|verify|delete` */
export function addImageCommands(program: Command, context: ImageCommandsContext): void {
  const image = program
    .command('image')
    .description('copy and inspect images in registries, directories and archives, without a daemon')
    .addHelpText('after', IMAGE_HELP);
  addCopying(image, context);
  addInspecting(image, context);
  addVerify(image, context);
  addDelete(image, context);
}

function addDelete(image: Command, context: ImageCommandsContext): void {
  const remove = image
    .command('delete')
    .description('delete a tag of a registry, or a manifest with all of its tags')
    .argument('<reference>', 'host/name:tag or host/name@sha256:…')
    .addHelpText('after', DELETE_HELP);
  withRegistryOptions(remove).action((reference: string, options: Options) =>
    run(context, options, (opened, commands) => commands.deleteCommand(opened, reference)),
  );
}

function addCopying(image: Command, context: ImageCommandsContext): void {
  const copy = image
    .command('copy')
    .description('copy an image with all its platforms')
    .argument('<source>', IMAGE_PLACES)
    .argument('<destination>', 'any of these except docker-archive');
  withCopyOptions(copy, COPY_HELP).action((from: string, to: string, options: Options) =>
    run(context, options, (opened, commands) => commands.copyCommand(opened, [from, to], copyOptions(options))),
  );
  const pull = image
    .command('pull')
    .description('copy an image from a registry into a directory or an archive')
    .argument('<reference>', 'such as alpine:3.20 or host:5000/team/app@sha256:…')
    .option('-o, --output <place>', 'oci:directory[:tag] or file.tar (default: a directory named after the image)');
  withCopyOptions(pull, PULL_HELP).action((reference: string, options: Options) =>
    run(context, options, (opened, commands) =>
      commands.pullCommand(opened, reference, { ...copyOptions(options), output: options.output }),
    ),
  );
  const push = image
    .command('push')
    .description('copy an image from a directory or an archive to a registry')
    .argument('<files>', 'an OCI layout, a tar file of one, or the output of docker save')
    .argument('<reference>', 'such as host:5000/team/app:1.0')
    .option('--source <name>', 'which image to push when there are several');
  withCopyOptions(push, PUSH_HELP).action((files: string, reference: string, options: Options) =>
    run(context, options, (opened, commands) =>
      commands.pushCommand(opened, [files, reference], { ...copyOptions(options), source: options.source }),
    ),
  );
}

function addInspecting(image: Command, context: ImageCommandsContext): void {
  const list = image
    .command('list')
    .description('list the repositories of a registry, the tags of a repository, or the images of a layout')
    .argument('<name>', 'a host, such as localhost:5000, a repository, oci:directory or oci-archive:file.tar')
    .option('--digests', 'also print the digest that each tag points to')
    .option('--json', 'print JSON')
    .addHelpText('after', LIST_HELP);
  withRegistryOptions(list).action((name: string, options: Options) =>
    run(context, options, (opened, commands) =>
      commands.listCommand(opened, name, { digests: options.digests === true, json: options.json === true }),
    ),
  );
  const inspect = image
    .command('inspect')
    .description('show an image: digest, platforms, layers, labels, environment, entry point')
    .argument('<image>', IMAGE_PLACES)
    .option('--platform <os/arch>', 'which image of an index to show (default: the one for this machine)')
    .option('--json', 'print JSON')
    .option('--raw', 'print the unmodified manifest')
    .addHelpText('after', INSPECT_HELP);
  withRegistryOptions(inspect).action(
    (name: string, { platform, json = false, raw = false, ...options }: InspectOptions) =>
      run(context, options, (opened, commands) => commands.inspectCommand(opened, name, { platform, json, raw })),
  );
}

function addVerify(image: Command, context: ImageCommandsContext): void {
  const verify = image
    .command('verify')
    .description(
      'verify the signatures of an image with public keys or a trusted root, without a network but the registry',
    )
    .argument('<image>', IMAGE_PLACES)
    .option('--key <file>', 'public key in PEM, such as cosign.pub; repeatable: any of them', collect)
    .option('--trusted-root <file>', 'roots for certificates, such as trusted_root.json')
    .option('--identity <glob>', 'whole subject of the certificate; * matches within a segment')
    .option('--issuer <url>', 'whole issuer of the identity')
    .option('--json', 'print JSON')
    .addHelpText('after', VERIFY_HELP);
  withRegistryOptions(verify).action(
    (name: string, { key = [], trustedRoot, identity, issuer, json = false, ...options }: VerifyOptions) => {
      const hasKeys = key.length > 0;
      const certificate = [trustedRoot, identity, issuer].filter((each) => each !== undefined).length;
      if (hasKeys ? certificate > 0 : certificate < 3)
        verify.error('error: give --key, or --trusted-root with --identity and --issuer', { exitCode: 2 });
      return runWithAccess(context, options, async (opened) => {
        const { verifyCommand } = await import('./image-verify.ts');
        const identified = { trustedRoot, identity, issuer };
        return verifyCommand(opened, name, { keys: key, ...identified, json });
      });
    },
  );
}

interface VerifyOptions extends RegistryOptions {
  readonly key?: string[];
  readonly trustedRoot?: string;
  readonly identity?: string;
  readonly issuer?: string;
  readonly json?: boolean;
}

type ImageCommands = typeof imageCommands;

interface RegistryOptions {
  readonly tlsCa?: string;
  readonly insecure?: boolean;
  readonly plainHttp?: boolean;
  readonly authfile?: string;
}

interface InspectOptions extends RegistryOptions {
  readonly platform?: string;
  readonly json?: boolean;
  readonly raw?: boolean;
}

interface Options extends RegistryOptions {
  readonly platform?: readonly string[];
  readonly referrers?: boolean;
  readonly jobs?: number;
  readonly quiet?: boolean;
  readonly output?: string;
  readonly source?: string;
  readonly digests?: boolean;
  readonly json?: boolean;
}

function withCopyOptions(command: Command, help: string): Command {
  return withRegistryOptions(
    command
      .option('--platform <os/arch[/variant]>', 'copy only this platform; repeatable (default: all)', collect)
      .option('--referrers', 'also copy signatures, SBOMs and other attachments')
      .option('--jobs <n>', 'number of concurrent blobs', atLeastOne, 4)
      .option('-q, --quiet', 'print only the digest')
      .addHelpText('after', help),
  );
}

export function withRegistryOptions(command: Command): Command {
  return command
    .option('--tls-ca <file>', 'PEM file of a CA to trust in addition to the public ones')
    .option('--insecure', 'skip certificate verification')
    .option('--plain-http', 'connect without TLS (automatic for localhost when TLS fails)')
    .option(
      '--authfile <file>',
      "credentials in the format of docker's config.json (default: the files of docker and podman)",
    );
}

function copyOptions({ platform = [], referrers = false, jobs = 4, quiet = false }: Options) {
  return { platform, referrers, jobs, quiet };
}

function run(
  context: ImageCommandsContext,
  options: RegistryOptions,
  command: (opened: ImageContext, commands: ImageCommands) => Promise<void>,
): Promise<void> {
  return runWithAccess(context, options, async (opened) => command(opened, await import('./image.ts')));
}

/**
 * Runs a command that works with registries, and reports what an operator can act on.
 *
 * @param command returns the exit code, or nothing for 0
 */
export async function runWithAccess(
  { env, out, err, end }: ImageCommandsContext,
  options: RegistryOptions,
  command: (opened: ImageContext) => Promise<number | void>,
): Promise<void> {
  const stop = new AbortController();
  let signalled = 0;
  const onSignal = (name: NodeJS.Signals, number: number) => {
    signalled = number;
    stop.abort(new Error(`stopped by ${name}`));
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    const access = accessOf(options, { env, signal: stop.signal, err });
    end((await command({ out, err, access })) ?? 0);
  } catch (error) {
    if (signalled > 0) return end(128 + signalled);
    const { explainFailure } = await import('../images/failure.ts');
    const explained = explainFailure(error);
    if (explained === undefined) throw error;
    err.write(`layover: ${explained}\n`);
    end(1);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function accessOf(
  { tlsCa, insecure = false, plainHttp = false, authfile }: RegistryOptions,
  { env, signal, err }: { env: ImageCommandsContext['env']; signal: AbortSignal; err: ProgressOutput },
): RegistryAccess {
  const authFiles = authfile === undefined ? knownAuthFiles(env) : [authfile];
  const onWarning = (text: string) => err.write(`warning: ${text}\n`);
  return { authFiles, caFile: tlsCa, insecure, plainHttp, env, version: VERSION, onWarning, signal };
}

/** The files of `docker login`, then of `podman login`. */
function knownAuthFiles(env: ImageCommandsContext['env']): string[] {
  const docker = join(env.DOCKER_CONFIG || join(homedir(), '.docker'), 'config.json');
  const podman = env.REGISTRY_AUTH_FILE || (env.XDG_RUNTIME_DIR && join(env.XDG_RUNTIME_DIR, 'containers/auth.json'));
  return [docker, ...(podman ? [podman] : [])].filter((path) => existsSync(path));
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function atLeastOne(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('must be a whole number of at least 1');
  return Number(text);
}
