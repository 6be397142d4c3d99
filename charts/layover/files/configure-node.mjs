// Makes containerd on this node pull through the cache, as long as this program runs:
// writes hosts.toml for each registry once the address responds, and restores the previous state on SIGTERM.
//   --check   exits with 0 when all files are in place
import { mkdir, readdir, readFile, rename, rmdir, unlink, writeFile } from 'node:fs/promises';
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const { ADDRESS, CERTS_DIRECTORY, DIAL_TIMEOUT, RELEASE, INTERVAL_MS = '10000' } = process.env;
const REGISTRIES = process.env.REGISTRIES.split(' ');
const ANY_MARK = '# Written by Layover for the release ';
const MARK = `${ANY_MARK}${RELEASE}; removed with it.`;
const RESPONSE_TIMEOUT_MS = 5_000;

const fileOf = (registry) => join(CERTS_DIRECTORY, registry, 'hosts.toml');
const backupOf = (registry) => `${fileOf(registry)}.before-layover`;
const log = (message) => console.log(message);

/** For `_default`, containerd knows the registry itself as the last resort. */
function contentFor(registry) {
  const server = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  const lastResort = registry === '_default' ? [] : [`server = "https://${server}"`];
  const host = [`[host."${ADDRESS}"]`, '  capabilities = ["pull", "resolve"]', `  dial_timeout = "${DIAL_TIMEOUT}"`];
  return [MARK, ...lastResort, ...host, ''].join('\n');
}

/** @returns undefined when there is no such file */
function readIfPresent(path) {
  return readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
}

/** @throws when another release has the file */
async function configure(registry) {
  const file = fileOf(registry);
  const present = await readIfPresent(file);
  const wanted = contentFor(registry);
  if (present === wanted) return;
  const isOwn = present?.startsWith(`${MARK}\n`) ?? false;
  if (!isOwn && present?.startsWith(ANY_MARK)) throw new Error(`${file}: belongs to another release of Layover`);
  await mkdir(join(CERTS_DIRECTORY, registry), { recursive: true });
  if (present !== undefined && !isOwn) await rename(file, backupOf(registry));
  await writeFile(`${file}.new`, wanted);
  await rename(`${file}.new`, file);
  log(`${file}: written`);
}

/** Leaves what another program wrote since. */
async function restore(registry) {
  const file = fileOf(registry);
  if (!(await readIfPresent(file))?.startsWith(`${MARK}\n`)) return;
  if ((await readIfPresent(backupOf(registry))) === undefined) {
    await unlink(file);
    await rmdir(join(CERTS_DIRECTORY, registry)).catch(() => undefined); // not empty
  } else {
    await rename(backupOf(registry), file);
  }
  log(`${file}: restored`);
}

/** Files of a pod that was killed, for registries that are not in the list any more. */
async function restoreOthers() {
  for (const registry of await readdir(CERTS_DIRECTORY)) if (!REGISTRIES.includes(registry)) await restore(registry);
}

/** Whether the cache responds; containerd verifies its certificate. */
function isReachable() {
  const get = ADDRESS.startsWith('https:') ? getHttps : getHttp;
  const options = { timeout: RESPONSE_TIMEOUT_MS, rejectUnauthorized: false, agent: false };
  return new Promise((resolve) => {
    const request = get(`${ADDRESS}/v2/`, options, (response) => {
      response.resume();
      resolve(response.statusCode < 500);
    });
    request.on('timeout', () => request.destroy(new Error('timeout'))).on('error', () => resolve(false));
  });
}

async function isConfigured() {
  const present = await Promise.all(REGISTRIES.map((registry) => readIfPresent(fileOf(registry))));
  return present.every((content, index) => content === contentFor(REGISTRIES[index]));
}

async function configureAll() {
  if (await isConfigured()) return;
  if (!(await isReachable())) return log(`${ADDRESS}: does not respond; nothing is written`);
  for (const registry of REGISTRIES) await configure(registry);
}

async function run() {
  const ending = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => ending.abort());
  await restoreOthers();
  while (!ending.signal.aborted) {
    await configureAll().catch((error) => log(error.message));
    await delay(Number(INTERVAL_MS), undefined, { signal: ending.signal }).catch(() => undefined);
  }
  for (const registry of REGISTRIES) await restore(registry);
}

if (process.argv.includes('--check')) process.exit((await isConfigured()) ? 0 : 1);
await run();
