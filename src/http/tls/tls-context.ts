import { readFile } from 'node:fs/promises';
import type { SecureContextOptions } from 'node:tls';

import type { TlsConfig } from '../../config/config.ts';
import { filesVersion } from '../../files/watched-file.ts';
import type { CertificateSource } from './certificate-source.ts';

/** Reads certificate, key and client CAs. @throws the errors of the source, and when the file of a CA cannot be read */
export async function loadTlsContext(tls: TlsConfig, source: CertificateSource): Promise<SecureContextOptions> {
  const { clientCas, minimumVersion, ciphers } = tls;
  const [pair, ...ca] = await Promise.all([source.read(), ...clientCas.map((file) => readFile(file))]);
  return {
    ...pair,
    minVersion: minimumVersion,
    ...(ca.length > 0 && { ca }),
    ...(ciphers !== undefined && { ciphers }),
  };
}

/** Changes when {@link loadTlsContext} would return something else. */
export async function tlsContextVersion({ clientCas }: TlsConfig, source: CertificateSource): Promise<string> {
  return (await Promise.all([source.version(), filesVersion(clientCas)])).join();
}
