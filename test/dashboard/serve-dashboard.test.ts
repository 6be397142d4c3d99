import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import express from 'express';
import { expect, it } from 'vitest';

import { createDashboard } from '../../src/dashboard/serve-dashboard.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const INDEX = '<!doctype html><script type="module" src="./assets/index-1.js"></script>';
const SCRIPT = 'const text = 1;\n'.repeat(100);

async function start(mount = '/ui', isBuilt = true) {
  const directory = await temporaryDirectory();
  const write = async () => {
    await mkdir(join(directory.path, 'assets'));
    await writeFile(join(directory.path, 'index.html'), INDEX);
    await writeFile(join(directory.path, 'assets/index-1.js'), SCRIPT);
  };
  if (isBuilt) await write();
  const server = createServer(express().use(mount, createDashboard(directory.path)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    write,
    async [Symbol.asyncDispose]() {
      server.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

it('a page is sent for every path, uncached and with a strict policy, and finds its files from there', async () => {
  await using server = await start('/cache/ui');
  for (const page of ['/', '/images', '/images/library/alpine@sha256:00', '/x/../y/', '/index.html?a=/b/c']) {
    const url = `${server.url}/cache/ui${page}`;
    const response = await fetch(url);
    const [, script = ''] = /src="([^"]+)"/.exec(await response.text()) ?? [];
    expect(response.status, page).toBe(200);
    expect(new URL(script, url).pathname, page).toBe('/cache/ui/assets/index-1.js');
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-cache');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
    expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(response.headers.get('content-security-policy')).toContain("trusted-types 'none'");
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
  }
});

it('a file is kept for ever by browsers, and compressed for those that accept it', async () => {
  await using server = await start();
  const url = `${server.url}/ui/assets/index-1.js`;
  const response = await fetch(url);
  expect(response.headers.get('content-encoding')).toBe('gzip');
  expect(response.headers.get('cache-control')).toContain('immutable');
  expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  expect(await response.text()).toBe(SCRIPT);
  const plain = await fetch(url, { headers: { 'accept-encoding': 'identity' } });
  expect(plain.headers.get('content-encoding')).toBeNull();
  expect(await plain.text()).toBe(SCRIPT);
});

it('the path without a slash leads to the one with it, below any prefix', async () => {
  await using server = await start('/cache/ui');
  const response = await fetch(`${server.url}/cache/ui?x=1`, { redirect: 'manual' });
  expect(response.status).toBe(308);
  expect(response.headers.get('location')).toBe('ui/');
});

it('files that are not there, and other methods, are refused', async () => {
  await using server = await start();
  for (const path of ['assets/none.js', 'assets/..%2findex.html', 'assets/'])
    expect((await fetch(`${server.url}/ui/${path}`)).status, path).toBe(404);
  const posted = await fetch(`${server.url}/ui/`, { method: 'POST' });
  expect(posted.status).toBe(405);
  expect(posted.headers.get('allow')).toBe('GET, HEAD');
});

it('without a build, the page is unavailable until there is one', async () => {
  await using server = await start('/ui', false);
  const response = await fetch(`${server.url}/ui/`);
  expect(response.status).toBe(503);
  expect(await response.text()).toBe('the dashboard is not built (run npm run build)');
  await server.write();
  expect((await fetch(`${server.url}/ui/`)).status).toBe(200);
});
