import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { FileContent } from '../config/config.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Throws when the file cannot be used. */
const CHECKS: Readonly<Record<FileContent, (path: string) => Promise<unknown>>> = {
  async 'a public key'(path) {
    const { parseSigningKey } = await import('../signatures/public-key.ts');
    parseSigningKey(await readFile(path, 'utf8'), path);
  },
  async 'a trusted root'(path) {
    const { CertificateVerifier } = await import('../signatures/certificate-verifier.ts');
    await CertificateVerifier.load(await readFile(path), { identities: [], origin: path });
  },
  certificates: checkCertificates,
  async 'denied content'(path) {
    const { readDenyFile } = await import('../policy/watched-deny-file.ts');
    await readDenyFile(path).load();
  },
  async 'Google credentials'(path) {
    const { loadCredentials } = await import('../storage/gcs/credentials.ts');
    await loadCredentials({ kind: 'file', path });
  },
};

/** Why the service could not use a file. Undefined when it could. */
export async function checkContent(content: FileContent, path: string): Promise<string | undefined> {
  try {
    await CHECKS[content](path);
    return undefined;
  } catch (err) {
    const message = err instanceof Error ? err.message : String(err);
    const reason = message
      .replace(/^gcs: /, '')
      .replace(path, '')
      .replace(/^:? */, '');
    return `cannot use ${path}: ${reason}`;
  }
}

async function checkCertificates(path: string): Promise<void> {
  const blocks = (await readFile(path, 'utf8')).match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new Error('it has no certificate in PEM format');
  const damaged = blocks.findIndex((block) => !isCertificate(block));
  if (damaged !== -1) throw new Error(`certificate ${damaged + 1} in it is damaged`);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
