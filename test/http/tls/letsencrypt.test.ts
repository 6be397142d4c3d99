import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { describe, expect, it } from 'vitest';

import { Layover } from '../../support/layover.ts';
import { pebbleProgram, startPebble } from '../../support/pebble.ts';
import { freePort } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

if (pebbleProgram === undefined) process.stderr.write('skipped: certificates by ACME (no pebble)\n');

interface Shown {
  readonly issuer: string;
  readonly names: string | undefined;
  readonly serial: string;
}

/** The certificate that a client is shown; undefined when there is none. */
function shown(port: number): Promise<Shown | undefined> {
  return new Promise((resolve) => {
    const options = { port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false };
    const socket = connect(options, () => {
      const { issuer, subjectaltname, serialNumber } = socket.getPeerCertificate();
      resolve({ issuer: String(issuer.CN), names: subjectaltname, serial: serialNumber });
      socket.destroy();
    });
    socket.on('error', () => resolve(undefined));
  });
}

async function until(port: number, isRight: (certificate: Shown) => boolean): Promise<Shown> {
  const deadline = Date.now() + 40_000;
  for (;;) {
    const certificate = await shown(port);
    if (certificate && isRight(certificate)) return certificate;
    if (Date.now() > deadline) throw new Error(`not the certificate: ${JSON.stringify(certificate)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function scene(validity: number) {
  const directory = await temporaryDirectory();
  const port = await freePort();
  const pebble = await startPebble({ tlsPort: port, validity });
  const cachefile = join(directory.path, 'acme');
  const letsencrypt = {
    cachefile,
    hosts: ['localhost'],
    email: 'admin@registry.example',
    directoryurl: pebble.directoryUrl,
    directoryca: pebble.caFile,
  };
  const layover = await Layover.start({ config: { http: { addr: `127.0.0.1:${port}`, tls: { letsencrypt } } } });
  return {
    port,
    pebble,
    cachefile,
    layover,
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await pebble[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(pebbleProgram === undefined)('http.tls.letsencrypt', () => {
  it('gets a certificate on its own port, stores it, and serves it while the authority is down', async () => {
    await using started = await scene(90 * 86_400);
    const first = await until(started.port, ({ issuer }) => issuer.startsWith('Pebble Intermediate CA'));
    expect(first.names).toContain('DNS:localhost');
    expect((await readdir(started.cachefile)).toSorted()).toEqual(['acme_account+key', 'localhost']);
    expect(await readFile(join(started.cachefile, 'localhost'), 'utf8')).toMatch(/PRIVATE KEY[^]*BEGIN CERTIFICATE/);
    const modes = ['acme_account+key', 'localhost'].map(
      async (name) => (await stat(join(started.cachefile, name))).mode,
    );
    expect((await Promise.all(modes)).map((mode) => mode & 0o777)).toEqual([0o600, 0o600]);
    await started.pebble.running.stop();
    await started.layover.restart();
    expect(await shown(started.port)).toEqual(first);
  }, 60_000);

  it('renews it before it ends', async () => {
    await using started = await scene(12);
    const first = await until(started.port, ({ issuer }) => issuer.startsWith('Pebble Intermediate CA'));
    const second = await until(started.port, ({ serial }) => serial !== first.serial);
    expect(second.names).toContain('DNS:localhost');
  }, 60_000);
});
