import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { createS3Driver } from '../../src/storage/s3/s3.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { s3Config } from './s3-config.ts';
import { createFaultyDriver, sharedS3, versitygw } from './s3-scene.ts';
import { createCertificate, startVersitygw } from './versitygw.ts';

const GET = { method: 'GET', clientAddress: undefined } as const;
const HEAD = { method: 'HEAD', clientAddress: undefined } as const;

const MIB = 1024 * 1024;

describe.skipIf(versitygw === undefined)('objects of the s3 driver', () => {
  const s3 = sharedS3();

  it.each(['', '/', 'root', '/root/', '/deep/er/'])('have the keys of distribution below the root %j', async (root) => {
    const driver = createS3Driver(s3Config(s3().url, { rootDirectory: root }));
    const path = `/docker/registry/v2/${randomUUID()}`;
    await driver.writeSmall(path, Buffer.from('x'));
    const name = root.split('/').filter(Boolean).join('/');
    expect(await readFile(join(s3().bucketDirectory, name, path), 'utf8')).toBe('x');
    expect(driver.objectKey?.(path)).toBe(name === '' ? path.slice(1) : `${name}${path}`);
    await driver.close();
  });

  it('are asked to be as configured: encrypted, of a class, with an ACL, by a named client', async () => {
    await using made = await createFaultyDriver(s3(), {
      encryption: { keyId: 'arn:aws:kms:key' },
      storageClass: 'STANDARD_IA',
      acl: 'bucket-owner-full-control',
      userAgent: 'corp-mirror',
    });
    // What the server here cannot do is only asked for.
    await made.driver.writeSmall('/f', Buffer.from('x')).catch(() => {});
    const put = made.proxy.requests.find(({ operation }) => operation === 'put');
    expect(put?.headers).toMatchObject({
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:key',
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-acl': 'bucket-owner-full-control',
      'content-type': 'application/octet-stream',
    });
    expect(put?.headers['user-agent']).toContain('corp-mirror');
  });

  it.each([
    ['when_required', undefined],
    ['when_supported', 'CRC32'],
  ] as const)('are sent with the checksums that are %s', async (checksums, algorithm) => {
    await using made = await createFaultyDriver(s3(), { checksums });
    await made.driver.writeSmall('/f', Buffer.from('x'));
    const put = made.proxy.requests.find(({ operation }) => operation === 'put');
    expect(put?.headers['x-amz-sdk-checksum-algorithm']).toBe(algorithm);
  });

  it('have a line in the log for each request, when that is asked for', async () => {
    const seen: { command: string; status: number | undefined }[] = [];
    const config = s3Config(s3().url, { rootDirectory: randomUUID() });
    const driver = createS3Driver({ ...config, onRequest: ({ command, status }) => seen.push({ command, status }) });
    await driver.writeSmall('/f', Buffer.from('x'));
    await driver.stat('/missing').catch(() => {});
    await driver.close();
    expect(seen).toContainEqual({ command: 'PutObject', status: 200 });
    expect(seen).toContainEqual({ command: 'HeadObject', status: 404 });
  });
});

describe.skipIf(versitygw === undefined)('a URL of the s3 driver', () => {
  const s3 = sharedS3();

  it('gives whoever has it the file, or its size, for 20 minutes', async () => {
    await using made = await createFaultyDriver(s3());
    const bytes = randomBytes(2 * MIB);
    await made.driver.writeSmall('/a/f', bytes);
    const url = (await made.driver.redirectUrl('/a/f', GET)) as string;
    const answer = await fetch(url);
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
    expect(new URL(url).searchParams.get('X-Amz-Expires')).toBe('1200');
    const part = await fetch(url, { headers: { range: 'bytes=10-19' } });
    expect([part.status, Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(10, 20))]).toEqual([206, true]);

    const head = await fetch((await made.driver.redirectUrl('/a/f', HEAD)) as string, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
    expect((await fetch(url.replace('X-Amz-Expires=1200', 'X-Amz-Expires=9999'))).status).toBe(403);
  });

  it('names the host that clients know', async () => {
    const driver = createS3Driver(
      s3Config(s3().url, { redirectEndpoint: 'https://blobs.corp.example.com', forcePathStyle: false }),
    );
    const url = new URL((await driver.redirectUrl('/a/f', GET)) as string);
    expect([url.host, url.pathname]).toEqual(['registry.blobs.corp.example.com', '/a/f']);
    await driver.close();
  });
});

describe.skipIf(versitygw === undefined)('an S3 server with a certificate of its own CA', () => {
  it('is trusted with its CA, or when nothing is verified, and else not', async () => {
    await using directory = await temporaryDirectory();
    const certificate = await createCertificate(directory.path);
    await using server = await startVersitygw(versitygw as string, certificate);
    const create = (tls: { insecure: boolean; caFile: string | undefined }) =>
      createS3Driver(s3Config(server.url, { tls }));

    const trusting = create({ insecure: false, caFile: certificate.cert });
    const careless = create({ insecure: true, caFile: undefined });
    const strict = create({ insecure: false, caFile: undefined });
    await trusting.writeSmall('/f', Buffer.from('x'));
    expect(String(await careless.readSmall('/f', 10))).toBe('x');
    await expect(strict.readSmall('/f', 10)).rejects.toThrow(/s3: reading \/f: .*(self-signed|DEPTH_ZERO)/);
    for (const driver of [trusting, careless, strict]) await driver.close();
  });

  it('whose CA file is not there is not started with', async () => {
    await using directory = await temporaryDirectory();
    const caFile = join(directory.path, 'missing.pem');
    expect(() => createS3Driver(s3Config('https://127.0.0.1:1', { tls: { insecure: false, caFile } }))).toThrow(
      'ENOENT',
    );
  });
});
