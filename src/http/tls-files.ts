import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { SecureContextOptions } from 'node:tls';

import type { TlsConfig } from '../config/config.ts';

/**
 * Certificate, key and client CAs as they are now.
 *
 * @throws when a file cannot be read, is no PEM, or when the key is not that of the certificate
 */
export async function loadTlsFiles(tls: TlsConfig): Promise<SecureContextOptions> {
  const { certificate, key, clientCas, minimumVersion, ciphers } = tls;
  const [cert, keyPem, ...ca] = await Promise.all([certificate, key, ...clientCas].map((file) => readFile(file)));
  if (!new X509Certificate(cert ?? '').checkPrivateKey(createPrivateKey(keyPem ?? ''))) {
    throw new Error(`${key} is not the key of the certificate in ${certificate}`);
  }
  return {
    cert,
    key: keyPem,
    minVersion: minimumVersion,
    ...(ca.length > 0 && { ca }),
    ...(ciphers !== undefined && { ciphers }),
  };
}

/** Different after any of the files has changed, or come, or gone. */
export async function tlsFilesVersion({ certificate, key, clientCas }: TlsConfig): Promise<string> {
  const versions = [certificate, key, ...clientCas].map(async (file) => {
    const found = await stat(file).catch(() => undefined);
    return found ? `${found.ino}:${found.mtimeMs}:${found.size}` : 'absent';
  });
  return (await Promise.all(versions)).join();
}
