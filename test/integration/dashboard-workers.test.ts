import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { basic, htpasswdOf } from '../auth/htpasswd-file.ts';
import { sendRequest } from '../support/http-client.ts';
import { Layover } from '../support/layover.ts';
import { runLayover } from '../support/run-layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const PAGE = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };

it('the dashboard of the built program is served through worker processes', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'htpasswd');
  await writeFile(path, await htpasswdOf({ alice: 'apw' }));
  await using layover = await Layover.startProcess({
    config: {
      http: { workers: 2 },
      auth: { htpasswd: { realm: 'x', path }, policy: [{ users: ['alice'], actions: ['admin'] }] },
    },
  });
  const { url } = layover;
  const api = `${url}/admin/api/v1`;

  const page = await fetch(`${url}/ui/`);
  expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  const registry = await fetch(`${url}/v2/`, { headers: basic('alice', 'apw') });
  expect([registry.status, registry.headers.get('content-security-policy')]).toEqual([
    200,
    "default-src 'none'; sandbox",
  ]);

  const body = Buffer.from(JSON.stringify({ user: 'alice', password: 'apw' }));
  const signedIn = await sendRequest(`${api}/session`, { method: 'POST', headers: PAGE, body });
  const [cookie = ''] = signedIn.headers['set-cookie']?.[0]?.split(';') ?? [];
  const pinBody = Buffer.from(JSON.stringify({ pattern: 'team/**' }));
  const pin = (headers: object) =>
    sendRequest(`${api}/pins`, { method: 'POST', headers: { ...PAGE, ...headers }, body: pinBody });
  // Each connection goes to another worker.
  expect([(await pin({ cookie })).status, (await pin({ cookie })).status]).toEqual([200, 200]);
  expect((await pin({})).status).toBe(401);
  expect((await pin({ cookie, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect((await pin({ cookie, host: 'evil.example' })).status).toBe(403);
  await layover.waitForOutput(/signed in.*by=password|"by":"password".*signed in/);
  await layover.waitForOutput(/change made/);
  const line = /^.*change made.*$/m.exec(layover.output)?.[0] ?? '';
  for (const fact of ['alice', '127.0.0.1', 'POST /pins', 'team/**']) expect(line).toContain(fact);
  expect(layover.output).not.toContain('apw');

  const opened = await runLayover(['open', layover.configFile, '--json']);
  const link = JSON.parse(opened.stdout) as { url: string };
  expect(link.url).toMatch(new RegExp(`^${url}/admin/api/v1/session/link\\?code=[\\w-]{43}$`));
  // As from a terminal or another program: a navigation that no page of this server began.
  const followed = await sendRequest(link.url, {
    headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
  });
  expect([followed.status, new URL(followed.headers.location ?? '', link.url).href]).toEqual([303, `${url}/ui/`]);
  const [linked = ''] = followed.headers['set-cookie']?.[0]?.split(';') ?? [];
  expect(
    JSON.parse((await sendRequest(`${api}/session`, { headers: { cookie: linked } })).body.toString()),
  ).toMatchObject({
    isAdmin: true,
    canSignOut: true,
  });
  const again = await sendRequest(link.url);
  expect([again.status, again.headers['set-cookie']]).toEqual([401, undefined]);
}, 60_000);
