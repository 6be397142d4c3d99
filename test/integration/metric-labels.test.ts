import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

import { basic, htpasswdOf } from '../auth/htpasswd-file.ts';
import { ask } from '../http/v2/ask.ts';
import { Layover } from '../support/layover.ts';
import { startServer } from '../support/start-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { parseMetrics } from '../telemetry/metric-samples.ts';

const directory = await temporaryDirectory();
afterAll(() => directory[Symbol.asyncDispose]());

const METHODS = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND', 'PURGE', 'MKCOL', 'REPORT'];

it('no label has a value that a client or an upstream chooses', async () => {
  const htpasswd = join(directory.path, 'htpasswd');
  await writeFile(htpasswd, await htpasswdOf({ alice: 'pw' }));
  let round = 0;
  await using upstream = await startServer((req, res) => {
    req.resume();
    round++;
    // Port 1 is closed; each name is another host.
    if (round % 2 === 0) res.writeHead(307, { location: `http://h${round}.localhost:1/x` }).end();
    else res.writeHead(600 + (round % 300)).end();
  });
  await using layover = await Layover.start({
    config: {
      http: { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } },
      auth: { htpasswd: { realm: 'r', path: htpasswd }, anonymous: { repositories: ['**'] } },
      proxy: { upstreams: [{ name: 'up', remoteurl: upstream.url, default: true, push: 'passthrough' }] },
    },
  });
  const series = async () => {
    const page = await (await fetch(`${layover.debugUrl}/metrics`)).text();
    return new Set([...parseMetrics(page).keys()].filter((name) => /^(?:registry|layover)_/.test(name)));
  };
  const attack = async (wave: string) => {
    for (let i = 0; i < 20; i++) {
      const word = `${wave}${i}`;
      const method = METHODS[i % METHODS.length] ?? 'GET';
      const headers = { host: `${word}.example`, 'user-agent': word, 'x-forwarded-for': `192.0.2.${i}` };
      const paths = [
        `${word}/manifests/${word}`,
        `${word}/blobs/sha256:${'a'.repeat(64)}`,
        `${word}/tags/list`,
        word,
        `a/b?ns=${word}`,
      ];
      for (const path of paths) await ask(`${layover.url}/v2/${path}`, { method, headers });
      await ask(`${layover.url}/v2/`, { headers: { ...headers, ...basic(word, 'x') } });
      await ask(`${layover.url}/${word}`, { headers });
    }
  };
  await attack('one');
  const before = await series();
  await attack('two');
  const added = [...(await series())].filter((name) => !before.has(name));
  expect(
    added.filter((name) => !/status="(?:error:\w+|other|\d{3})"|code="\d{3}"|_bucket|outcome=|state="/.test(name)),
  ).toEqual([]);
  expect([...(await series())].filter((name) => /one\d|two\d|localhost/.test(name))).toEqual([]);
}, 60_000);
