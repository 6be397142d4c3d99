import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { filesVersion } from '../../files/watched-file.ts';

/** PEM, with the chain. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateLog {
  info(fields: Readonly<Record<string, string | undefined>>, message: string): void;
  error(fields: Readonly<Record<string, string | undefined>>, message: string): void;
}

export interface CertificateEvents {
  readonly log: CertificateLog;
  /** New connections get this certificate. @param expiresAt unix milliseconds */
  certificateInUse(expiresAt: number): void;
}

/** Where the server's certificate comes from. */
export interface CertificateSource {
  /** For log lines. */
  readonly name: string;
  /** Changes with the certificate. */
  version(): Promise<string>;
  /** Absent before the first one is issued. @throws when it cannot be read, or when the key does not belong to the certificate */
  read(): Promise<CertificatePair | undefined>;
}

export function certificateFiles({
  certificate,
  key,
}: {
  readonly certificate: string;
  readonly key: string;
}): CertificateSource {
  return {
    name: certificate,
    version: () => filesVersion([certificate, key]),
    async read() {
      const [cert, keyPem] = await Promise.all([readFile(certificate, 'utf8'), readFile(key, 'utf8')]);
      if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(keyPem))) {
        throw new Error(`${key} is not the key of the certificate in ${certificate}`);
      }
      return { cert, key: keyPem };
    },
  };
}
