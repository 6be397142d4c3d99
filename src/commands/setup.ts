import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';

import { printableText } from '../audit/recorded-text.ts';
import { parseCacheAddress, parseRegistries } from '../setup/address.ts';
import { type ChangedFile, findChanges, findUndo, undoChanges, writeChanges } from '../setup/change-files.ts';
import { readIfThere, resolveInRoot } from '../setup/client-file.ts';
import { findSetupClient, SETUP_CLIENTS } from '../setup/clients.ts';
import type { ClientPlan, SetupClient, SetupRequest } from '../setup/plan.ts';
import { withRealPaths } from '../setup/real-paths.ts';
import { SetupError } from '../setup/setup-error.ts';
import { runTool } from '../setup/run-tool.ts';
import { showChange } from '../setup/show-change.ts';
import { verifyClient } from '../setup/verify-client.ts';
import type { Output } from './config.ts';
import { describeVerified, enforcedOf, notesOf, printPlan } from './setup-output.ts';

export interface SetupOptions {
  readonly client: string;
  readonly address?: string | undefined;
  readonly registries?: string | undefined;
  readonly ca?: string | undefined;
  readonly store?: 'classic' | 'containerd' | undefined;
  readonly write?: boolean;
  readonly undo?: boolean;
  readonly yes?: boolean;
  readonly root: string;
  readonly verify?: boolean;
  readonly enforce?: boolean;
  readonly json?: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly out: Output & { readonly isTTY?: boolean | undefined };
}

const DEFAULT_ADDRESS = 'http://localhost:5000';
/** Milliseconds. */
const STORE_TIMEOUT_MS = 5_000;

/**
 * `setup`: prints, writes or undoes the configuration of a client, and verifies it.
 *
 * @returns the exit code: 0, or 1 when nothing was done, the client does not use the cache, or can pull past it in spite of `enforce`
 */
export async function setup(options: SetupOptions): Promise<number> {
  const out = printableOutput(options.out);
  try {
    return await run({ ...options, out });
  } catch (err) {
    if (!(err instanceof SetupError) && !isFileError(err)) throw err;
    out.write(`${(err as Error).message}\n`);
    return 1;
  }
}

/** Files of an image and programs of clients have text that must not control the terminal. */
function printableOutput(out: SetupOptions['out']): SetupOptions['out'] {
  const print = (text: string) => out.write(text.replace(/[^\n\t]+/g, printableText));
  return { isTTY: out.isTTY, write: print };
}

async function run(options: SetupOptions): Promise<number> {
  const client = withRealPaths(getClient(options.client), options.root);
  const { write, address } = options;
  if (write && options.undo) throw new SetupError('--write and --undo exclude each other');
  await checkRoot(options);
  if (options.undo) return undo(client, options);
  // --verify alone is about the client as it is.
  const isShown = write || !options.verify;
  if (isShown && client.isElsewhere && address === undefined)
    throw new SetupError(
      `--address: missing, because localhost is not this machine for ${client.title} (name one that it reaches, such as http://192.0.2.10:5000)`,
    );
  const request = await requestOf(client, options);
  const plan = isShown ? await setUp(client, request, options) : undefined;
  if (isShown && !plan) return 1;
  const code = plan?.unenforced === undefined ? 0 : 1;
  return options.verify ? Math.max(code, await verify(client, request, options)) : code;
}

function getClient(name: string): SetupClient {
  const client = findSetupClient(name);
  if (client) return client;
  const known = SETUP_CLIENTS.map((each) => each.name).join(', ');
  throw new SetupError(`${name}: not a client that can be set up (known: ${known})`);
}

async function checkRoot({ root, verify: isVerified }: SetupOptions): Promise<void> {
  if (resolve(root) === '/') return;
  if (isVerified)
    throw new SetupError(
      '--root and --verify exclude each other: the client on this machine does not read those files',
    );
  const isThere = await stat(root).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isThere) throw new SetupError(`--root: ${root} is not a directory (correct the path, or create it first)`);
}

async function requestOf({ name }: SetupClient, options: SetupOptions): Promise<SetupRequest> {
  const { address = DEFAULT_ADDRESS, registries = '', ca, enforce = false, store } = options;
  return {
    cache: parseCacheAddress(address),
    registries: parseRegistries(registries),
    ca: ca === undefined ? undefined : await readCa(ca),
    isEnforced: enforce,
    store: store ?? (name === 'docker' && options.root === '/' ? await runningStore(options) : undefined),
  };
}

async function readCa(path: string) {
  if (/\p{Cc}/u.test(path)) throw new SetupError('--ca: the path has control characters (rename the file)');
  const pem = await readFile(path, 'utf8');
  if (pem.includes('PRIVATE KEY')) throw new SetupError(`--ca: ${path} has a private key (name the certificate alone)`);
  if (!pem.includes('BEGIN CERTIFICATE')) throw new SetupError(`--ca: ${path} is not a certificate in PEM`);
  return { path, pem };
}

/** Absent when no daemon is running. */
async function runningStore({ env }: SetupOptions): Promise<SetupRequest['store']> {
  const args = ['info', '--format', '{{json .DriverStatus}}'];
  const info = await runTool('docker', args, { env, timeoutMs: STORE_TIMEOUT_MS });
  if (info?.code !== 0 || info.stdout.trim() === '') return undefined;
  return info.stdout.includes('io.containerd.snapshotter') ? 'containerd' : 'classic';
}

/** @returns undefined when it was not done */
async function setUp(
  client: SetupClient,
  request: SetupRequest,
  options: SetupOptions,
): Promise<ClientPlan | undefined> {
  const place = { root: options.root, client };
  const isWritten = options.write === true && client.plan(request, () => undefined).changes.length > 0;
  const read = readerOf(options.root);
  const plan = client.plan(request, isWritten ? read : (path) => readable(() => read(path)));
  if (!isWritten) {
    printPlan(client, plan, options);
    if (options.write) options.out.write(`${client.title} has no files on this machine; copy the text above.\n`);
    return options.write ? undefined : plan;
  }
  const { changed, edited } = findChanges(plan.changes, place);
  for (const target of edited) options.out.write(describeEdited(target, changed));
  if (changed.length === 0) {
    options.out.write(
      `The files of ${client.title} are set up for ${request.cache.origin} already.\n${enforcedOf(plan)}`,
    );
    return plan;
  }
  if (!(await confirm(changed, options))) return undefined;
  await writeChanges(changed, place);
  options.out.write(`Written. Takes effect ${plan.takesEffect}.\n${notesOf(plan)}`);
  return plan;
}

function describeEdited(target: string, changed: readonly ChangedFile[]): string {
  const reason = `${target}: was changed by hand after an earlier --write`;
  return changed.some((file) => file.target === target)
    ? `${reason}, so settings of that stay, and --undo restores the file as it is now\n`
    : `${reason}, and stays as it is: remove settings of that by hand\n`;
}

async function undo(client: SetupClient, options: SetupOptions): Promise<number> {
  const place = { root: options.root, client };
  const { takesEffect } = client.plan(await requestOf(client, options), () => undefined);
  const { changed, edited } = findUndo(place);
  if (changed.length > 0 && !(await confirm(changed, options))) return 1;
  await undoChanges(changed, place);
  options.out.write(changed.length > 0 ? `Restored. Takes effect ${takesEffect}.\n` : 'There is nothing to undo.\n');
  for (const target of edited)
    options.out.write(
      `${target}: is as it was before the last --write; it was changed by hand after an earlier one, so see whether it still has settings of that\n`,
    );
  return 0;
}

async function verify(client: SetupClient, request: SetupRequest, options: SetupOptions): Promise<number> {
  const registries = request.registries.length > 0 ? request.registries : ['docker.io'];
  const results = await verifyClient(client.name, {
    registries,
    nonce: randomBytes(16).toString('hex'),
    env: options.env,
    certsDirectory: resolveInRoot(options.root, '/etc/containerd/certs.d'),
  });
  if (!results)
    throw new SetupError(`${client.title} cannot be verified here: none of its programs is on this machine`);
  if (options.json) options.out.write(`${JSON.stringify({ client: client.name, registries: results }, null, 2)}\n`);
  else for (const result of results) options.out.write(describeVerified(client, result));
  return results.every(({ isServed }) => isServed) ? 0 : 1;
}

/** Shows the difference. Without a terminal, `--yes` is the confirmation. */
async function confirm(changed: readonly ChangedFile[], { out, yes, stdin }: SetupOptions): Promise<boolean> {
  out.write(`${changed.map(showChange).join('\n')}\n`);
  if (yes) return true;
  if (!out.isTTY) throw new SetupError('nothing was changed: there is no terminal for a confirmation (use --yes)');
  out.write('Change these files? [y/N] ');
  for await (const chunk of stdin) return /^y(?:es)?$/i.test(Buffer.from(chunk).toString().trim());
  return false;
}

function readerOf(root: string) {
  return (path: string): string | undefined => readIfThere(resolveInRoot(root, path))?.toString();
}

/** Printing needs no permission: a file that cannot be read is as none. */
function readable(read: () => string | undefined): string | undefined {
  try {
    return read();
  } catch (err) {
    if (isFileError(err)) return undefined;
    throw err;
  }
}

/** Such as `EACCES: permission denied, open '/etc/docker/daemon.json'`. */
function isFileError(err: unknown): boolean {
  return err instanceof Error && 'syscall' in err;
}
