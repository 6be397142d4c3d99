import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { StorageUnavailableError } from '../../../src/storage/driver.ts';
import { createGcsDriver } from '../../../src/storage/gcs/gcs.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import type { FakeGcs } from './fake-gcs.ts';
import { startScene } from './gcs-scene.ts';

const request = { method: 'GET', clientAddress: undefined } as const;
const serviceAccount = (fake: FakeGcs) => ({
  credentials: { kind: 'inline', fields: fake.accounts.keyFile(`${fake.url}/token`) } as const,
});
const user = (fake: FakeGcs) => ({
  credentials: {
    kind: 'inline',
    fields: {
      type: 'authorized_user',
      client_id: 'i',
      client_secret: 's',
      refresh_token: 'refresh',
      token_uri: `${fake.url}/token`,
    },
  } as const,
});
const metadata = (fake: FakeGcs) => ({ credentials: { kind: 'metadata', host: fake.host } as const });

async function startPrivate(optionsOf: Parameters<typeof startScene>[0]) {
  const scene = await startScene(optionsOf);
  scene.fake.isPublic = false;
  return scene;
}

describe('credentials of the gcs driver', () => {
  it.each([
    ['a service account', serviceAccount],
    ['a user', user],
    ['the metadata server', metadata],
  ])('of %s get a token, which is kept', async (_, optionsOf) => {
    await using scene = await startPrivate(optionsOf);
    await scene.driver.writeSmall('/f', Buffer.from('x'));
    expect(String(await scene.driver.readSmall('/f', 10))).toBe('x');
    expect(scene.fake.count('token')).toBe(1);
  });

  it('get another token when the store rejects theirs, and shortly before its end', async () => {
    await using scene = await startPrivate(serviceAccount);
    const { driver, fake } = scene;
    fake.accounts.lifetime = 0;
    await driver.writeSmall('/f', Buffer.from('x'));
    fake.accounts.lifetime = 3_600;
    await driver.writeSmall('/f', Buffer.from('y'));
    expect(fake.count('token')).toBe(2);
    fake.accounts.revokeAll();
    expect(String(await driver.readSmall('/f', 10))).toBe('y');
    expect(fake.count('token')).toBe(3);
  });

  it('that are refused are named as the reason, without secrets', async () => {
    await using scene = await startPrivate(user);
    scene.fake.accounts.mayLogIn = false;
    scene.fake.fail('token', { status: 400, reason: 'invalid_grant' }, 10);
    const failed = scene.driver.open('/f');
    await expect(failed).rejects.toThrow(StorageUnavailableError);
    await expect(failed).rejects.toThrow(
      'gcs: reading /f: invalid_grant (400): the token server refused the credentials (the credentials are invalid or have expired)',
    );
  });

  it('are read from a file', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'key.json');
    const options = { bucket: 'b', credentials: { kind: 'file', path } } as const;
    await expect(createGcsDriver(options)).rejects.toThrow('ENOENT');
    for (const [text, problem] of [
      ['secret', 'is not JSON'],
      ['{"type":"external_account"}', 'credentials of type "external_account" are not supported'],
      ['{"type":"service_account","private_key":"x"}', 'private_key is not a private key in PEM format'],
      ['{"type":"authorized_user","client_id":"x"}', 'has no client_secret'],
    ] as const) {
      await writeFile(path, text);
      await expect(createGcsDriver(options)).rejects.toThrow(problem);
    }
  });
});

describe('redirects to Cloud Storage', () => {
  it.each([
    ['the key of the service account', serviceAccount, 0],
    ['IAM', metadata, 1],
  ])('are signed by %s, for GET and HEAD', async (_, optionsOf, signed) => {
    await using scene = await startPrivate(optionsOf);
    const { driver, fake } = scene;
    await driver.writeSmall('/a:b@c+d/f', Buffer.from('content'));
    for (const method of ['GET', 'HEAD'] as const) {
      const url = (await driver.redirectUrl('/a:b@c+d/f', { ...request, method })) ?? '';
      const response = await fetch(url, { method });
      expect([response.status, await response.text()]).toEqual([200, method === 'GET' ? 'content' : '']);
      const other = method === 'GET' ? 'HEAD' : 'GET';
      expect((await fetch(url, { method: other })).status).toBe(403);
      expect((await fetch(url.replace('/f?', '/g?'))).status).toBe(403);
    }
    expect(fake.count('sign')).toBe(2 * signed);
  });

  it('are not made where the account must not sign, and the reason is reported once', async () => {
    const reasons: string[] = [];
    await using scene = await startPrivate((fake) => ({
      ...metadata(fake),
      onUnsigned: (reason) => reasons.push(reason),
    }));
    scene.fake.fail('sign', { status: 403, reason: 'forbidden' }, 10);
    expect(await scene.driver.redirectUrl('/f', request)).toBeUndefined();
    expect(await scene.driver.redirectUrl('/f', request)).toBeUndefined();
    expect(reasons).toEqual([expect.stringContaining('lacks iam.serviceAccounts.signBlob')]);
    expect(scene.fake.count('sign')).toBe(1);
  });

  it('are not made with the credentials of a user', async () => {
    await using scene = await startPrivate(user);
    expect(await scene.driver.redirectUrl('/f', request)).toBeUndefined();
  });
});
