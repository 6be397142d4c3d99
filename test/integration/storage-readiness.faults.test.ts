import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';

import { Layover } from '../support/layover.ts';
import { startServer } from '../support/start-server.ts';

const KEYS = { accesskey: 'a-key', secretkey: 'a secret that no log may have' };
const EMPTY = '<ListBucketResult><Name>images</Name><KeyCount>0</KeyCount></ListBucketResult>';

interface S3Error {
  readonly status: number;
  readonly code: string;
}

function sendXml(response: ServerResponse, status: number, xml: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>${xml}`);
}

/** A store that fails all requests with one error, until it has none; then it is empty. */
async function startStore(error: S3Error) {
  let current: S3Error | undefined = error;
  const server = await startServer(({ method, url = '' }, response) => {
    if (current) return sendXml(response, current.status, `<Error><Code>${current.code}</Code></Error>`);
    const isList = method === 'GET' && url.includes('list-type=2');
    return sendXml(response, isList ? 200 : 404, isList ? EMPTY : '<Error><Code>NoSuchKey</Code></Error>');
  });
  return {
    url: server.url,
    mend: () => (current = undefined),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function readinessOf({ url }: Layover): Promise<unknown> {
  const response = await fetch(`${url}/readyz`);
  return [response.status, ((await response.json()) as { status: string }).status];
}

function configFor(url: string, more: object = KEYS) {
  return { storage: { filesystem: undefined, s3: { bucket: 'images', regionendpoint: url, ...more } } };
}

describe('a cache whose S3 store rejects it', () => {
  it.each([
    ['has no such bucket', { status: 404, code: 'NoSuchBucket' }, 'storage.s3.bucket'],
    ['does not know the access key', { status: 403, code: 'InvalidAccessKeyId' }, 'storage.s3.accesskey'],
    ['computes another signature', { status: 403, code: 'SignatureDoesNotMatch' }, 'storage.s3.secretkey'],
    ['denies access', { status: 403, code: 'AccessDenied' }, 'the permissions of storage.s3.accesskey'],
    ['is in another region', { status: 400, code: 'AuthorizationHeaderMalformed' }, 'storage.s3.region'],
  ])('is not ready and reports the key to check when the store %s', async (_what, error, setting) => {
    await using store = await startStore(error);
    await using layover = await Layover.start({ config: configFor(store.url) });
    expect(await readinessOf(layover)).not.toContain(200);
    await expect.poll(() => readinessOf(layover)).toEqual([503, 'failing']);
    const line = layover.output.split('\n').filter((text) => text.includes('startup check failed'));
    expect(line).toHaveLength(1);
    expect(line[0]).toContain('level=error');
    expect(line[0]).toContain(error.code);
    expect(line[0]).toContain(`(check ${setting}`);
    expect(layover.output).not.toContain(KEYS.secretkey);
    expect(layover.output).not.toContain('scheduler-state.json');

    store.mend();
    await expect.poll(() => readinessOf(layover)).toEqual([200, 'ready']);
    expect(layover.output).toContain('health check recovered');
  });

  it('names the source of credentials that the configuration does not have', async () => {
    await using store = await startStore({ status: 403, code: 'InvalidAccessKeyId' });
    const env = { AWS_ACCESS_KEY_ID: 'of-the-environment', AWS_SECRET_ACCESS_KEY: 'x' };
    await using layover = await Layover.startProcess({ config: configFor(store.url, {}), env });
    await layover.waitForOutput(/startup check failed.*check the credentials of the environment/);
    await expect.poll(() => readinessOf(layover)).toEqual([503, 'failing']);
  });
});
