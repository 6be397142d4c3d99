import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { filesVersion } from '../../files/watched-file.ts';

/** PEM, with the chain. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/** Where the certificate comes from that we show. */
export interface CertificateSource {
  /** For messages. */
  readonly name: string;
  /** Different after the certificate has changed. */
  version(): Promise<string>;
  /** @returns undefined while there is none. @throws when it cannot be read, or when the key is not that of the certificate */
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
