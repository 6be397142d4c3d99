import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { basic, htpasswdOf } from '../auth/htpasswd-file.ts';
import { type Answered, ask } from '../http/v2/ask.ts';
import { Layover } from '../support/layover.ts';
import { startServer } from '../support/start-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const KEY = Buffer.alloc(32, 'k');

interface Spelling {
  readonly path: string;
  readonly query?: string;
  readonly host?: string;
}

/** Every way in which a request can name `secret`, a repository of the default upstream, or the one of the same name at the other. */
const SPELLINGS: Readonly<Record<'secret' | 'elsewhere', readonly Spelling[]>> = {
  secret: [
    { path: 'secret' },
    { path: 'library/secret' },
    { path: 'library%2Fsecret' },
    { path: 'up.example/secret' },
    { path: 'up.example/library/secret' },
    { path: 'alias.example/secret' },
    { path: 'alias.example/library/secret' },
    { path: 'secret', query: 'ns=up.example' },
    { path: 'secret', query: 'ns=UP.example' },
    { path: 'library/secret', query: 'ns=alias.example' },
    { path: 'up.example/secret', query: 'ns=up.example' },
    { path: 'alias.example/library/secret', query: 'ns=up.example' },
    { path: 'secret', host: 'up.example' },
    { path: 'library/secret', host: 'Alias.example:443' },
    { path: 'up.example/secret', host: 'other.example' },
    { path: 'secret', query: 'ns=up.example', host: 'other.example' },
  ],
  elsewhere: [
    { path: 'other.example/library/secret' },
    { path: 'library/secret', query: 'ns=other.example' },
    { path: 'library/secret', host: 'other.example' },
    { path: 'other.example/library/secret', query: 'ns=other.example' },
    { path: 'other.example/library/secret', host: 'up.example' },
  ],
};

/** Every kind of request that names a repository. */
const REQUESTS: readonly (readonly [method: string, path: string])[] = [
  ['GET', 'manifests/1'],
  ['HEAD', 'manifests/1'],
  ['GET', `manifests/${DIGEST}`],
  ['GET', `blobs/${DIGEST}`],
  ['HEAD', `blobs/${DIGEST}`],
  ['GET', 'tags/list'],
  ['GET', `referrers/${DIGEST}`],
  ['POST', 'blobs/uploads/'],
  ['POST', `blobs/uploads/?digest=${DIGEST}`],
  ['GET', 'blobs/uploads/relay?_state=a'],
  ['PATCH', 'blobs/uploads/relay?_state=a'],
  ['PUT', `blobs/uploads/relay?_state=a&digest=${DIGEST}`],
  ['DELETE', 'blobs/uploads/relay?_state=a'],
  ['PUT', 'manifests/1'],
  ['DELETE', 'manifests/1'],
  ['DELETE', `manifests/${DIGEST}`],
  ['DELETE', `blobs/${DIGEST}`],
];

const directory = await temporaryDirectory();
const seen: string[] = [];
let upstream: Awaited<ReturnType<typeof startServer>>;
let cache: Layover;

beforeAll(async () => {
  const [htpasswd, jwks] = [join(directory.path, 'htpasswd'), join(directory.path, 'jwks.json')];
  await writeFile(htpasswd, await htpasswdOf({ outsider: 'pw', insider: 'pw', elsewhere: 'pw' }));
  await writeFile(jwks, JSON.stringify({ keys: [{ kty: 'oct', kid: 'k', k: KEY.toString('base64url') }] }));
  upstream = await startServer((req, res) => {
    seen.push(`${req.method} ${req.url}`);
    req.resume();
    if (req.url === '/v2/') res.end('{}');
    else if (req.method === 'POST' && req.url?.includes('mount=')) res.writeHead(201, { location: '/made' }).end();
    else if (req.method === 'POST') res.writeHead(202, { location: '/v2/session' }).end();
    else res.writeHead(404).end();
  });
  const common = { remoteurl: upstream.url, library: true, push: 'passthrough' };
  cache = await Layover.start({
    config: {
      storage: { delete: { enabled: true } },
      proxy: {
        upstreams: [
          { ...common, name: 'up.example', aliases: ['alias.example'], default: true },
          { ...common, name: 'other.example' },
        ],
      },
      auth: {
        htpasswd: { realm: 'here', path: htpasswd },
        token: { realm: 'https://auth.example/token', service: 'here', issuer: 'auth', jwks },
        policy: [
          { users: ['outsider'], repositories: ['up.example/library/secret'], actions: ['*'], effect: 'deny' },
          { users: ['elsewhere'], repositories: ['other.example/library/secret'], actions: ['*'], effect: 'deny' },
          { users: ['*'], actions: ['*'] },
        ],
      },
    },
  });
});
afterAll(async () => {
  await cache?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

function send({ path, query, host }: Spelling, [method, rest]: readonly [string, string], headers: object) {
  const [place = '', more = ''] = rest.split('?');
  const queries = [query, more].filter(Boolean).join('&');
  const target = `${cache.url}/v2/${path}/${place}${queries === '' ? '' : `?${queries}`}`;
  return ask(target, { method, headers: { ...headers, 'content-length': 0, ...(host !== undefined && { host }) } });
}

const decisionOf = ({ status }: Answered) => (status === 401 || status === 403 ? 'denied' : 'admitted');

/** What was decided for each request of each spelling, where it is not as expected. */
async function exceptions(spellings: readonly Spelling[], headers: object, expected: 'denied' | 'admitted') {
  const found: string[] = [];
  for (const spelling of spellings) {
    for (const request of REQUESTS) {
      const answer = await send(spelling, request, headers);
      if (decisionOf(answer) !== expected)
        found.push(`${request.join(' ')} ${JSON.stringify(spelling)} ${answer.status}`);
    }
  }
  return found;
}

async function bearer(...names: string[]) {
  const access = names.map((name) => ({ type: 'repository', name, actions: ['pull', 'push', 'delete'] }));
  const claims = new SignJWT({ access }).setProtectedHeader({ alg: 'HS256', kid: 'k' }).setExpirationTime('5m');
  const token = await claims.setIssuer('auth').setAudience('here').setSubject('robot').sign(KEY);
  return { authorization: `Bearer ${token}` };
}

describe('one repository is decided alike, however it is spelled and whatever is requested', () => {
  it('by a rule that denies it', async () => {
    seen.length = 0;
    expect(await exceptions(SPELLINGS.secret, basic('outsider', 'pw'), 'denied')).toEqual([]);
    expect(seen).toEqual([]);
    expect(await exceptions(SPELLINGS.elsewhere, basic('outsider', 'pw'), 'admitted')).toEqual([]);
  });

  it('by a rule that denies the same name at another upstream', async () => {
    expect(await exceptions(SPELLINGS.secret, basic('elsewhere', 'pw'), 'admitted')).toEqual([]);
    expect(await exceptions(SPELLINGS.elsewhere, basic('elsewhere', 'pw'), 'denied')).toEqual([]);
  });

  it.each(['secret', 'library/secret', 'up.example/secret', 'alias.example/library/secret'])(
    'by a token for %s',
    async (name) => {
      const token = await bearer(name);
      expect(await exceptions(SPELLINGS.secret, token, 'admitted')).toEqual([]);
      expect(await exceptions(SPELLINGS.elsewhere, token, 'denied')).toEqual([]);
    },
  );

  it('by a token for the same name at another upstream', async () => {
    const token = await bearer('other.example/library/secret');
    expect(await exceptions(SPELLINGS.secret, token, 'denied')).toEqual([]);
    expect(await exceptions(SPELLINGS.elsewhere, token, 'admitted')).toEqual([]);
  });
});

describe('a mount', () => {
  /** Status, and what the upstream was requested to mount. */
  async function mount(target: Spelling, from: string, headers: object) {
    seen.length = 0;
    const answer = await send(
      target,
      ['POST', `blobs/uploads/?mount=${DIGEST}&from=${encodeURIComponent(from)}`],
      headers,
    );
    const mounts = seen
      .filter((line) => line.includes('mount='))
      .map((line) => decodeURIComponent(line.split('from=')[1] ?? ''));
    return [answer.status, ...mounts];
  }
  const NAMES = ['secret', 'library/secret', 'up.example/secret', 'up.example/library/secret', 'alias.example/secret'];

  it.each(NAMES)('from %s is an upload for those who may not pull it, and a mount for others', async (from) => {
    expect(await mount({ path: 'team/mine' }, from, basic('outsider', 'pw'))).toEqual([202]);
    expect(await mount({ path: 'team/mine' }, from, basic('insider', 'pw'))).toEqual([201, 'library/secret']);
    const own = await bearer('team/mine');
    expect(await mount({ path: 'team/mine' }, from, own)).toEqual([202]);
    const both = await bearer('team/mine', 'library/secret');
    expect(await mount({ path: 'team/mine' }, from, both)).toEqual([201, 'library/secret']);
  });

  it('is decided by the repository that ns and Host lead to', async () => {
    for (const by of [{ query: 'ns=up.example' }, { host: 'up.example' }]) {
      expect(await mount({ path: 'team/mine', ...by }, 'secret', basic('outsider', 'pw'))).toEqual([202]);
    }
    for (const by of [{ query: 'ns=other.example' }, { host: 'other.example' }]) {
      expect(await mount({ path: 'team/mine', ...by }, 'secret', basic('outsider', 'pw'))).toEqual([
        201,
        'library/secret',
      ]);
      expect(await mount({ path: 'team/mine', ...by }, 'secret', basic('elsewhere', 'pw'))).toEqual([202]);
    }
  });

  it('names its source in the challenge as the token server has to know it', async () => {
    const query = `blobs/uploads/?mount=${DIGEST}&from=secret`;
    const answer = await send({ path: 'team/mine', query: 'ns=other.example' }, ['POST', query], await bearer());
    expect(answer.headers['www-authenticate']).toContain(
      'scope="repository:other.example/team/mine:pull,push repository:other.example/library/secret:pull"',
    );
  });
});

it('an upload that was begun at one upstream does not go on by the name of another', async () => {
  const insider = basic('insider', 'pw');
  const started = await send({ path: 'team/app' }, ['POST', 'blobs/uploads/'], insider);
  const state = new URL(started.headers.location ?? '', cache.url).searchParams.get('_state');
  const patch = ['PATCH', `blobs/uploads/relay?_state=${state}`] as const;
  expect((await send({ path: 'other.example/team/app' }, patch, insider)).status).toBe(400);
  expect((await send({ path: 'up.example/team/app' }, patch, insider)).status).toBe(404);
});
