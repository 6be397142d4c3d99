import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { printableText } from '../audit/recorded-text.ts';
import { parseCacheAddress, parseRegistries } from '../setup/address.ts';
import { type ChangedFile, findChanges, findUndo, undoChanges, writeChanges } from '../setup/change-files.ts';
import { readIfThere, resolveInRoot } from '../setup/client-file.ts';
import { findSetupClient, SETUP_CLIENTS } from '../setup/clients.ts';
import type { ClientPlan, SetupClient, SetupRequest } from '../setup/plan.ts';
import { SetupError } from '../setup/setup-error.ts';
import { runTool } from '../setup/run-tool.ts';
import { showChange } from '../setup/show-change.ts';
import { type Verified, verifyClient } from '../setup/verify-client.ts';
import type { Output } from './config.ts';

export interface SetupOptions {
  readonly client: string;
  readonly address: string;
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

/** Milliseconds. */
const STORE_TIMEOUT_MS = 5_000;

/**
 * `setup`: prints, writes or undoes the configuration of a client, and verifies it.
 *
 * @returns the exit code: 0, or 1 when nothing was done, or the client does not use the cache
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
  return { isTTY: out.isTTY, write: (text) => out.write(text.replace(/[^\n\t]+/g, printableText)) };
}

async function run(options: SetupOptions): Promise<number> {
  const client = findSetupClient(options.client);
  if (!client) {
    const known = SETUP_CLIENTS.map(({ name }) => name).join(', ');
    throw new SetupError(`${options.client}: not a client that can be set up (known: ${known})`);
  }
  if (options.write && options.undo) throw new SetupError('--write and --undo exclude each other');
  if (options.undo) return undo(client, options);
  const request = await requestOf(client, options);
  // --verify alone is about the client as it is.
  const isShown = options.write || !options.verify;
  const code = isShown ? await setUp(client, request, options) : 0;
  return code === 0 && options.verify ? verify(client, request, options) : code;
}

async function requestOf({ name }: SetupClient, options: SetupOptions): Promise<SetupRequest> {
  const { address, registries = '', ca, enforce = false, store } = options;
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

async function setUp(client: SetupClient, request: SetupRequest, options: SetupOptions): Promise<number> {
  const place = { root: options.root, client };
  const isWritten = options.write === true && client.plan(request, () => undefined).changes.length > 0;
  const plan = client.plan(request, isWritten ? readerOf(options.root) : () => undefined);
  if (!isWritten) {
    print(client, plan, options);
    if (options.write) options.out.write(`${client.title} has no files on this machine; copy the text above.\n`);
    return options.write ? 1 : 0;
  }
  const { changed, edited } = findChanges(plan.changes, place);
  for (const target of edited) options.out.write(describeEdited(target, changed));
  if (changed.length === 0) {
    options.out.write(`${client.title} is set up for ${request.cache.origin} already.\n`);
    return 0;
  }
  if (!(await confirm(changed, options))) return 1;
  await writeChanges(changed, place);
  options.out.write(`Written. Takes effect ${plan.takesEffect}.\n${notesOf(plan)}`);
  return 0;
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

function describeVerified({ title, name }: SetupClient, { registry, isServed, reason }: Verified): string {
  if (isServed) return `√ ${registry}: ${title} pulls through the cache\n`;
  return `× ${registry}: ${title} did not get the image from a cache: ${reason}\n    Set it up with \`layover setup ${name} --write\`; if it is, see when that takes effect, and docs/troubleshooting.md.\n`;
}

function print(client: SetupClient, plan: ClientPlan, { out, json }: SetupOptions): void {
  const texts = [...plan.changes.map(({ path, merge }) => ({ title: path, text: merge(undefined) })), ...plan.printed];
  const { takesEffect, enforcement, notes } = plan;
  if (json) {
    out.write(`${JSON.stringify({ client: client.name, texts, takesEffect, enforcement, notes }, null, 2)}\n`);
    return;
  }
  for (const { title, text } of texts) out.write(`${title}:\n\n${text.replace(/^(?=.)/gm, '  ')}\n`);
  out.write(`Takes effect ${takesEffect}.\n${notesOf(plan)}`);
}

function notesOf({ enforcement, notes }: ClientPlan): string {
  const all = [...(enforcement === '' ? [] : [`Enforced: ${enforcement}.`]), ...notes];
  return all.map((note) => `${note}\n`).join('');
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

/** Such as `EACCES: permission denied, open '/etc/docker/daemon.json'`. */
function isFileError(err: unknown): boolean {
  return err instanceof Error && 'syscall' in err;
}
