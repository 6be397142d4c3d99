import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ConfigObject, Layover } from '../../support/layover.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { type Certificate, certificate } from './certificates.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let ca: Certificate;
let otherCa: Certificate;
let own: Certificate;
let renewed: Certificate;
let client: Certificate;

beforeAll(async () => {
  directory = await temporaryDirectory();
  [ca, otherCa] = await Promise.all([certificate('ca'), certificate('other ca')]);
  [own, renewed, client] = await Promise.all([
    certificate('own', { ca }),
    certificate('renewed', { ca }),
    certificate('client', { ca: otherCa }),
  ]);
});
afterAll(() => directory[Symbol.asyncDispose]());

/** Puts a file in its place at once, as tools that renew certificates do. */
async function put(name: string, content: string): Promise<string> {
  const path = join(directory.path, name);
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
  return path;
}

async function start(tls: ConfigObject = {}, http: ConfigObject = {}): Promise<Layover> {
  const files = { certificate: await put('cert.pem', own.cert), key: await put('key.pem', own.key) };
  return Layover.start({ config: { http: { ...http, tls: { ...files, ...tls } } } });
}

interface Met {
  readonly name: string | undefined;
  readonly protocol: string | null;
  readonly cipher: string;
  /** The response to `GET /v2/`. */
  readonly response: string;
}

/** One handshake and one request. @throws what either failed with */
function meet({ port }: Layover, options: ConnectionOptions = {}): Promise<Met> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls({
      port,
      host: '127.0.0.1',
      ca: ca.cert,
      ALPNProtocols: ['http/1.1'],
      ...options,
    });
    let response = '';
    let met: Omit<Met, 'response'>;
    socket.on('secureConnect', () => {
      const name = socket.getPeerCertificate().subject?.CN;
      met = { name: String(name), protocol: socket.getProtocol(), cipher: socket.getCipher().name };
      socket.write('GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    });
    socket.on('data', (chunk) => (response += String(chunk)));
    socket.on('error', reject);
    socket.on('close', () =>
      response === '' ? reject(new Error('closed without a response')) : resolve({ ...met, response }),
    );
  });
}

/** Meets it again and again until the certificate has that name. */
async function untilNamed(layover: Layover, name: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while ((await meet(layover)).name !== name) {
    if (Date.now() > deadline) throw new Error(`no certificate of ${name}`);
  }
}

describe('certificate and key', () => {
  it('are served, and reloaded when they change; open connections stay', async () => {
    await using layover = await start();
    expect((await meet(layover)).name).toBe('own');
    await put('key.pem', renewed.key);
    await put('cert.pem', renewed.cert);
    await untilNamed(layover, 'renewed');
    await layover.waitForOutput(/certificate reloaded/);
  });

  it('stay in use while the new files are broken, which is logged', async () => {
    await using layover = await start();
    await put('cert.pem', 'not a certificate');
    await layover.waitForOutput(/level=error msg="certificate not reloaded/);
    expect((await meet(layover)).name).toBe('own');
    await put('cert.pem', renewed.cert);
    await layover.waitForOutput(/is not the key of the certificate/);
    expect((await meet(layover)).name).toBe('own');
    await put('key.pem', renewed.key);
    await untilNamed(layover, 'renewed');
  });

  it('that do not match are an error at startup', async () => {
    const key = await put('other.pem', renewed.key);
    await expect(start({ key })).rejects.toThrow('is not the key of the certificate');
  });
});

describe('client CAs', () => {
  it('are reloaded when they change', async () => {
    const clientcas = [await put('clients.pem', ca.cert)];
    await using layover = await start({ clientcas });
    await expect(meet(layover, client)).rejects.toThrow();
    await put('clients.pem', otherCa.cert);
    await layover.waitForOutput(/certificate reloaded/);
    expect((await meet(layover, client)).response).toContain('200 OK');
    await expect(meet(layover)).rejects.toThrow();
  });

  it.each([
    ['request-client-cert', [true, true, true]],
    ['require-any-client-cert', [false, true, true]],
    ['verify-client-cert-if-given', [true, false, true]],
    ['require-and-verify-client-cert', [false, false, true]],
  ])('with %s accept: none, an unknown one, a valid one', async (clientauth, taken) => {
    await using layover = await start({ clientcas: [await put('clients.pem', ca.cert)], clientauth });
    const good = await certificate('good client', { ca });
    const outcomes = [{}, client, good].map((shown) => meet(layover, shown).then(Boolean, () => false));
    expect(await Promise.all(outcomes)).toEqual(taken);
  });
});

describe('versions and ciphers', () => {
  it('are TLS 1.2 and 1.3, without ciphersuites', async () => {
    await using layover = await start();
    expect((await meet(layover, { maxVersion: 'TLSv1.2' })).protocol).toBe('TLSv1.2');
    expect((await meet(layover)).protocol).toBe('TLSv1.3');
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(meet(layover, old)).rejects.toThrow();
  });

  it('are TLS 1.3 alone when that is the minimum', async () => {
    await using layover = await start({ minimumtls: 'tls1.3' });
    await expect(meet(layover, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
    expect((await meet(layover)).protocol).toBe('TLSv1.3');
  });

  it('are the configured ciphersuites in TLS 1.2, and the default ones in TLS 1.3', async () => {
    await using layover = await start({ ciphersuites: ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'] });
    const met = await meet(layover, { maxVersion: 'TLSv1.2' });
    expect(met.cipher).toBe('ECDHE-RSA-AES256-GCM-SHA384');
    const refused = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' } as const;
    await expect(meet(layover, refused)).rejects.toThrow();
    expect((await meet(layover)).protocol).toBe('TLSv1.3');
  });
});
