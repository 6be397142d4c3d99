import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type Certificate, certificate } from '../http/tls/certificates.ts';
import { freePort, RunningProcess } from './processes.ts';
import { findProgram } from './programs.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export const pebbleProgram = await findProgram('pebble');

export interface PebbleOptions {
  /** Where it meets those who ask for a certificate. */
  readonly tlsPort: number;
  /** Of what it issues. Seconds. */
  readonly validity: number;
}

/** A certificate authority that speaks ACME, as its makers test with it. */
export async function startPebble({ tlsPort, validity }: PebbleOptions) {
  const directory = await temporaryDirectory();
  const ca: Certificate = await certificate('pebble ca');
  const own = await certificate('pebble', { ca });
  const [port, managementPort] = [await freePort(), await freePort()];
  const file = (name: string) => join(directory.path, name);
  const config = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate: file('cert.pem'),
    privateKey: file('key.pem'),
    httpPort: 1,
    tlsPort,
    ocspResponderURL: '',
    externalAccountBindingRequired: false,
    certificateValidityPeriod: validity,
    // Where the newer ones look for it.
    profiles: { default: { description: 'short', validityPeriod: validity } },
  };
  await Promise.all([
    writeFile(file('cert.pem'), own.cert),
    writeFile(file('key.pem'), own.key),
    writeFile(file('ca.pem'), ca.cert),
    writeFile(file('config.json'), JSON.stringify({ pebble: config })),
  ]);
  const running = await RunningProcess.start(String(pebbleProgram), ['-config', file('config.json'), '-strict'], {
    env: { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' },
  });
  await running.waitForOutput(/ACME directory available at/);
  return {
    directoryUrl: `https://127.0.0.1:${port}/dir`,
    caFile: file('ca.pem'),
    running,
    async [Symbol.asyncDispose]() {
      await running.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
}
