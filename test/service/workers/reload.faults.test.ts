import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { expect, it } from 'vitest';

import { basic, htpasswdOf } from '../../auth/htpasswd-file.ts';
import { sharedHub } from '../../integration/scene.ts';
import { sendRequest } from '../../support/http-client.ts';
import type { Layover } from '../../support/layover.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { childrenOf, coldBlob, image, images, RawConnection, startWithWorkers } from './scene.ts';
import { pull } from '../../integration/pulling.ts';

const hub = sharedHub(images);
const MANIFEST = `/v2/library/app/manifests/${image.digest}`;

interface Written {
  http: Record<string, unknown>;
  storage: Record<string, unknown>;
  auth?: unknown;
}

/** Changes the configuration file, and has it loaded. */
async function reload(layover: Layover, change: (config: Written) => void): Promise<void> {
  const config = parse(await readFile(layover.configFile, 'utf8')) as Written;
  config.http['addr'] = `127.0.0.1:${layover.port}`;
  change(config);
  await writeFile(layover.configFile, stringify(config));
  process.kill(layover.pid, 'SIGHUP');
}

it('SIGHUP takes over a new configuration without a refused connection or a lost response', async () => {
  await using layover = await startWithWorkers(hub(), { http: { headers: { 'X-Round': ['0'] } } });
  const before = await childrenOf(layover.pid);
  hub().faults.throttle(8_000_000, { on: 'cdn-get' });
  const cold = pull(`${layover.url}/v2/library/app/blobs/${coldBlob.digest}`);
  const ended = new AbortController();
  const failures: unknown[] = [];
  const load = Array.from({ length: 6 }, async () => {
    while (!ended.signal.aborted) {
      const { status } = await sendRequest(layover.url + MANIFEST).catch((err: unknown) => ({ status: String(err) }));
      if (status !== 200) failures.push(status);
    }
  });
  for (const round of ['1', '2']) {
    await reload(layover, ({ http }) => (http['headers'] = { 'X-Round': [round] }));
    await layover.waitForOutput(new RegExp(`(?:configuration reloaded[^]*){${round}}`));
    await expect.poll(async () => (await sendRequest(layover.url + MANIFEST)).headers['x-round']).toBe(round);
  }
  ended.abort();
  await Promise.all(load);
  expect(failures).toEqual([]);
  expect(await cold).toMatchObject({ complete: true, digest: coldBlob.digest });
  await expect.poll(async () => (await childrenOf(layover.pid)).filter((pid) => before.includes(pid))).toEqual([]);
  await expect.poll(async () => (await childrenOf(layover.pid)).length).toBe(2);
  expect(layover.stdout).not.toContain('worker ended');
});

it('a wrong configuration is reported, and the one in use stays', async () => {
  await using layover = await startWithWorkers(hub());
  const before = await childrenOf(layover.pid);
  await reload(layover, ({ http }) => (http['prefix'] = 'wrong'));
  await layover.waitForOutput(/configuration not reloaded[^\n]*|[^\n]*http\.prefix/);
  await reload(layover, (config) => {
    delete config.http['prefix'];
    config.http['tls'] = { certificate: '/nowhere/cert.pem', key: '/nowhere/key.pem' };
  });
  await layover.waitForOutput(/(?:configuration not reloaded[^]*){2}/);
  expect((await sendRequest(layover.url + MANIFEST)).status).toBe(200);
  expect(await childrenOf(layover.pid)).toEqual(before);
});

it('keys that need a restart are named in the log', async () => {
  await using layover = await startWithWorkers(hub());
  await reload(layover, ({ http, storage }) => {
    http['workers'] = 3;
    storage['delete'] = { enabled: false };
  });
  const [line] = await layover.waitForOutput(/[^\n]*needs a restart[^\n]*/);
  expect(line).toContain('http.workers');
  expect(line).toMatch(/keys="[^"]*\bpush\b/);
  expect(await childrenOf(layover.pid)).toHaveLength(2);
});

it('authentication that is turned on applies at once, also to content that workers were permitted to serve', async () => {
  await using directory = await temporaryDirectory();
  await using layover = await startWithWorkers(hub());
  await using connection = new RawConnection(layover.port);
  for (let i = 0; i < 3; i++) await connection.request('GET', MANIFEST);
  const path = join(directory.path, 'htpasswd');
  await writeFile(path, await htpasswdOf({ alice: 'apw' }));
  await reload(layover, (config) => (config.auth = { htpasswd: { realm: 'house', path } }));
  await layover.waitForOutput(/configuration reloaded/);
  for (let i = 0; i < 6; i++) {
    expect((await sendRequest(layover.url + MANIFEST)).status).toBe(401);
    expect((await sendRequest(layover.url + MANIFEST, { headers: basic('alice', 'apw') })).status).toBe(200);
  }
});
