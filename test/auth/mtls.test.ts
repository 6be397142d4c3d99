import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { identityOf } from '../../src/auth/mtls.ts';
import { Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { type Certified, createCertificate } from './certificates.ts';
import { basic, htpasswdOf } from './htpasswd-file.ts';

const cn = { name: 'cn', groups: 'ou' } as const;
const san = { name: 'san', groups: 'none' } as const;

describe('the identity in a certificate', () => {
  const subject = (fields: object) => ({ C: '', ST: '', L: '', O: '', OU: '', CN: '', ...fields });
  it.each([
    [
      'its common name, and units as groups',
      { CN: 'ci', OU: ['build', 'all'] },
      undefined,
      cn,
      { name: 'ci', groups: ['build', 'all'] },
    ],
    ['one unit', { CN: 'ci', OU: 'build' }, undefined, cn, { name: 'ci', groups: ['build'] }],
    ['nobody without a common name', { CN: '' }, 'DNS:ci', cn, undefined],
    ['nobody by two common names', { CN: ['a', 'b'] }, undefined, cn, undefined],
    [
      'its first alternative name',
      { CN: 'x' },
      'email:ci@example.com, DNS:other',
      san,
      { name: 'ci@example.com', groups: [] },
    ],
    ['a URI', { CN: 'x', OU: 'y' }, 'URI:spiffe://example/ci', san, { name: 'spiffe://example/ci', groups: [] }],
    ['one behind a kind that is not known', {}, 'othername:<unsupported>, DNS:ci', san, { name: 'ci', groups: [] }],
    ['one that looks like several', {}, 'DNS:"ci, DNS:admin"', san, { name: 'ci, DNS:admin', groups: [] }],
    ['nobody without alternative names', { CN: 'x' }, undefined, san, undefined],
  ])('is %s', (_what, fields, subjectaltname, config, expected) => {
    const certificate = { subject: subject(fields) as never, ...(subjectaltname && { subjectaltname }) };
    expect(identityOf(certificate as never, config)).toEqual(expected);
  });
});

describe('a registry with client certificates', () => {
  const clients: Record<string, Certified> = {};
  let layover: Layover;
  let close: () => Promise<void>;

  beforeAll(async () => {
    const directory = await temporaryDirectory();
    const at = (name: string) => join(directory.path, name);
    const server = await createCertificate('localhost', { altNames: [{ type: 2, value: 'localhost' }] });
    const ca = await createCertificate('people', { isCa: true });
    const elsewhere = await createCertificate('elsewhere', { isCa: true });
    clients['ci'] = await createCertificate('ci', { by: ca, units: ['build'] });
    clients['guest'] = await createCertificate('guest', { by: ca });
    clients['stranger'] = await createCertificate('ci', { by: elsewhere, units: ['build'] });
    await Promise.all([
      writeFile(at('server.pem'), server.cert),
      writeFile(at('server.key'), server.key),
      writeFile(at('ca.pem'), ca.cert),
      writeFile(at('htpasswd'), await htpasswdOf({ alice: 'pw' })),
    ]);
    const tls = {
      certificate: at('server.pem'),
      key: at('server.key'),
      clientcas: [at('ca.pem')],
      clientauth: 'request-client-cert',
    };
    layover = await Layover.start({
      config: {
        http: { tls },
        auth: {
          mtls: {},
          htpasswd: { realm: 'r', path: at('htpasswd') },
          policy: [
            { groups: ['build'], repositories: ['build/**'], actions: ['pull', 'push'] },
            { users: ['alice'], actions: ['*'] },
          ],
        },
      },
    });
    close = () => directory[Symbol.asyncDispose]();
  });

  afterAll(async () => {
    await layover[Symbol.asyncDispose]();
    await close();
  });

  async function statusOf(path: string, client?: Certified, headers = {}): Promise<number> {
    const { port } = new URL(layover.url);
    const identity = client && { cert: client.cert, key: client.key };
    const options = { host: '127.0.0.1', port, path, headers, rejectUnauthorized: false, agent: false, ...identity };
    const [answer] = (await once(request(options).end(), 'response')) as [IncomingMessage];
    answer.resume();
    return answer.statusCode ?? 0;
  }

  it('accepts a certificate of its CA, with its name and unit', async () => {
    expect(await statusOf('/v2/', clients['ci'])).toBe(200);
    expect(await statusOf('/v2/build/app/tags/list', clients['ci'])).toBe(404); // allowed, and not there
    expect(await statusOf('/v2/other/app/tags/list', clients['ci'])).toBe(403);
    expect(await statusOf('/v2/build/app/tags/list', clients['guest'])).toBe(403);
    await layover.waitForOutput(/auth\.user\.name=ci .*uri=\/v2\/build\/app\/tags\/list/);
  });

  it('rejects a certificate of another CA, and a request without one', async () => {
    expect(await statusOf('/v2/', clients['stranger'])).toBe(401);
    expect(await statusOf('/v2/build/app/tags/list', clients['stranger'])).toBe(401);
    expect(await statusOf('/v2/')).toBe(401);
  });

  it('prefers a password to the certificate', async () => {
    expect(await statusOf('/v2/other/app/tags/list', clients['ci'], basic('alice', 'pw'))).toBe(404);
    expect(await statusOf('/v2/build/app/tags/list', clients['ci'], basic('alice', 'wrong'))).toBe(401);
  });
});
