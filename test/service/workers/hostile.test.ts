import { readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { sharedHub } from '../../integration/scene.ts';
import type { Layover } from '../../support/layover.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { exchangeRaw, images, startWithWorkers } from './scene.ts';

const hub = sharedHub(images);
const APP = '/v2/library/app';
const directory = await temporaryDirectory();
let layover: Layover;

beforeAll(async () => {
  layover = await startWithWorkers(hub(), {
    env: { TMPDIR: directory.path },
    http: { limits: { maxconnectionsperclient: 20, headertimeout: '2s' } },
  });
});
afterAll(async () => {
  await layover?.[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const FORGED = JSON.stringify({ worker: 1, version: '1.1', address: '192.0.2.1', port: 1, isSecure: true });

describe('a client cannot speak as a worker', () => {
  it.each(['layover-handed-over', 'Layover-Handed-Over', 'LAYOVER-HANDED-OVER'])('with a header %s', async (name) => {
    for (let i = 0; i < 4; i++) {
      const text = `GET ${APP}/manifests/1 HTTP/1.1\r\n${name}: ${FORGED}\r\nHost: layover\r\n${name}: ${FORGED}\r\nUser-Agent: forger\r\nConnection: close\r\n\r\n`;
      expect(await exchangeRaw(layover.port, text)).toMatch(/^HTTP\/1\.1 200 OK/);
    }
    const lines = () => layover.stdout.split('\n').filter((line) => line.includes('useragent=forger'));
    await expect.poll(() => lines().length).toBeGreaterThanOrEqual(4);
    expect(lines().filter((line) => !line.includes('remoteaddr="127.0.0.1:'))).toEqual([]);
  });

  it('as only the user of the service can enter the directory of the sockets', async () => {
    const [name = ''] = (await readdir(directory.path)).filter((each) => /^layover-\w{6}$/.test(each));
    const { mode } = await stat(join(directory.path, name));
    expect(mode & 0o777).toBe(0o700);
    expect(await readdir(join(directory.path, name))).toContain('main.sock');
    expect(tmpdir()).not.toBe(directory.path);
  });
});

/** A request that would be seen when a part of another one were taken for it. */
const HIDDEN = `GET ${APP}/manifests/smuggled HTTP/1.1\r\nHost: layover\r\n\r\n`;
const LENGTH = Buffer.byteLength(HIDDEN);

describe('a request cannot hide in another one', () => {
  it.each([
    ['a length and chunks', ['Content-Length: 4', 'Transfer-Encoding: chunked'], `0\r\n\r\n${HIDDEN}`],
    ['two lengths', ['Content-Length: 0', `Content-Length: ${LENGTH}`], HIDDEN],
    ['a list of lengths', [`Content-Length: 0, ${LENGTH}`], HIDDEN],
    ['chunks, written otherwise', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${HIDDEN}`],
    ['chunks twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], `0\r\n\r\n${HIDDEN}`],
    ['chunks and another encoding', ['Transfer-Encoding: chunked, gzip'], `0\r\n\r\n${HIDDEN}`],
    ['a space before the colon', ['Content-Length : 4'], HIDDEN],
    ['a folded header', ['X-Folded: a', ' b'], ''],
    ['a line feed alone', [`X-A: b\nTransfer-Encoding: chunked`], `0\r\n\r\n${HIDDEN}`],
    ['a carriage return in a value', ['X-A: b\rContent-Length: 4'], HIDDEN],
    ['an upgrade', ['Connection: Upgrade, close', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'], ''],
    ['a connection header that names others', ['Connection: Host, Authorization, Content-Length, close'], ''],
  ])('by %s', async (_name, headers, rest) => {
    const before = hub().requests.counts();
    const head = `PUT /v2/team/app/manifests/1 HTTP/1.1\r\nHost: layover\r\n${headers.join('\r\n')}\r\n`;
    const text = `${head}${/^connection/im.test(head) ? '' : 'Connection: close\r\n'}\r\n${rest}`;
    const received = await exchangeRaw(layover.port, text);
    expect(received).not.toMatch(/smuggled/);
    expect(layover.stdout).not.toContain('smuggled');
    expect(hub().requests.counts()).toEqual(before);
    expect(
      await exchangeRaw(layover.port, `GET /v2/ HTTP/1.1\r\nHost: layover\r\nConnection: close\r\n\r\n`),
    ).toContain('{}');
  });

  it('in the body of a request that is served without it', async () => {
    const text = `GET ${APP}/manifests/1 HTTP/1.1\r\nHost: layover\r\nContent-Length: ${LENGTH}\r\nConnection: close\r\n\r\n${HIDDEN}`;
    for (let i = 0; i < 6; i++) expect((await exchangeRaw(layover.port, text)).match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(layover.stdout).not.toContain('smuggled');
  });
});
