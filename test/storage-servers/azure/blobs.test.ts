import { randomBytes } from 'node:crypto';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { StorageUnavailableError } from '../../../src/storage/driver.ts';
import { signRequest } from '../../../src/storage/azure/shared-key.ts';
import { StagedFileHeldError } from '../../../src/storage/staging.ts';
import { readAll } from '../../../src/testing/read-source.ts';
import { appendAndKeep, holding } from '../../../src/testing/staging-steps.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { ACCOUNT, CONTAINER, hasAzurite, KEY } from '../../support/azurite.ts';
import { createDriver, sharedAzurite } from './azurite.ts';

const request = { method: 'GET', clientAddress: undefined } as const;

describe.skipIf(!hasAzurite)('blobs of Azure', () => {
  const url = sharedAzurite();

  it('are redirected to, by URLs for one blob', async () => {
    await using made = createDriver(url());
    await made.driver.writeSmall('/r/a:b@c+d', Buffer.from('content'));
    await made.driver.writeSmall('/r/other', Buffer.from('other'));
    const signed = (await made.driver.redirectUrl('/r/a:b@c+d', request)) ?? '';
    const response = await fetch(signed, { headers: { range: 'bytes=3-6' } });
    expect([response.status, await response.text()]).toEqual([206, 'tent']);
    expect((await fetch(signed, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(signed.replace(/a%3Ab%40c%2Bd/, 'other'))).status).toBe(403);
    expect((await fetch(signed.replace('sp=r', 'sp=w'))).status).toBe(403);
  });

  it('that distribution wrote by appending are read, and replaced', async () => {
    await using made = createDriver(url());
    const target = new URL(`${url()}/${CONTAINER}/appended/f`);
    for (const [query, headers, body] of [
      ['', { 'x-ms-blob-type': 'AppendBlob' }, undefined],
      ['?comp=appendblock', { 'content-type': 'application/octet-stream' }, Buffer.from('appended')],
    ] as const) {
      const sent = {
        method: 'PUT' as const,
        url: new URL(target.href + query),
        headers,
        ...(body !== undefined && { body }),
      };
      const authorization = signRequest(sent, { account: ACCOUNT, key: KEY });
      const response = await fetch(sent.url, {
        method: 'PUT',
        headers: { ...headers, ...authorization },
        body: body ?? null,
      });
      expect(response.status).toBe(201);
    }
    expect(String(await made.driver.readSmall('/appended/f', 100))).toBe('appended');
    await made.driver.writeSmall('/appended/f', Buffer.from('new'));
    expect(String(await made.driver.readSmall('/appended/f', 100))).toBe('new');
  });

  it('are sent in blocks while the file grows, and are visible at the end', async () => {
    await using made = createDriver(url());
    await using directory = await temporaryDirectory();
    const local = join(directory.path, 'local');
    const bytes = randomBytes(5_300_017);
    await writeFile(local, bytes);
    const adoption = made.driver.startAdoption?.(local, '/grown/f', { size: bytes.length });
    adoption?.available(3_000_000);
    adoption?.available(bytes.length);
    await expect(made.driver.stat('/grown/f')).rejects.toThrow('no such path');
    await adoption?.finish();
    expect((await readAll(await made.driver.open('/grown/f'))).equals(bytes)).toBe(true);
    await expect(access(local)).rejects.toThrow('ENOENT');
  });

  it.each([10, 3_000_000])('take one of two pieces of %i bytes that two processes send at once', async (size) => {
    await using one = createDriver(url());
    await using other = createDriver(url());
    const path = `/u${size}/data`;
    await one.driver.staging.create(path);
    await appendAndKeep(one.driver, path, Buffer.from('begun, '));
    const [a, b] = [await one.driver.staging.hold(path), await other.driver.staging.hold(path)];
    const [alpha, beta] = [Buffer.alloc(size, 'a'), Buffer.alloc(size, 'b')];
    await Promise.all([a.write([alpha]), b.write([beta])]);
    const kept = await Promise.allSettled([a.keep(), b.keep()]);
    await Promise.all([a.release(), b.release()]);
    expect(kept.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(kept.find((each) => each.status === 'rejected')?.reason).toBeInstanceOf(StagedFileHeldError);
    await holding(other.driver, path, (staged) => staged.publish(`/published/${size}`));
    const bytes = await readAll(await one.driver.open(`/published/${size}`));
    const either = [alpha, beta].map((end) => Buffer.concat([Buffer.from('begun, '), end]));
    expect(either.some((expected) => expected.equals(bytes))).toBe(true);
  });

  it('are reported as unreachable with a wrong key or a missing container, without the key', async () => {
    const key = Buffer.from('wrong').toString('base64');
    await using wrong = createDriver(url(), { credentials: { kind: 'shared_key', key } });
    await expect(wrong.driver.open('/f')).rejects.toThrow('(403)');
    await using missing = createDriver(url(), { container: 'absent' });
    await expect(missing.driver.stat('/')).rejects.toThrow('ContainerNotFound (404)');
    await expect(missing.driver.open('/f')).rejects.toThrow('ContainerNotFound (404)');
    await using gone = createDriver('http://127.0.0.1:1/devstoreaccount1');
    await expect(gone.driver.writeSmall('/f', Buffer.from('x'))).rejects.toThrow(StorageUnavailableError);
  });
});
