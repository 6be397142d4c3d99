import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { CertificatePair } from './certificate-source.ts';

/** The name that Go's autocert uses, and so distribution. */
const ACCOUNT_KEY = 'acme_account+key';

/** Every file holds a private key. */
const OWNER_ONLY = 0o600;

/** Account key and certificates in a directory with the layout of Go's `autocert.DirCache`. */
export class AcmeCache {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async readAccountKey(): Promise<string | undefined> {
    return this.#read(ACCOUNT_KEY);
  }

  async writeAccountKey(pem: string): Promise<void> {
    await this.#write(ACCOUNT_KEY, pem);
  }

  /** @returns undefined when there is no certificate for all of the hosts */
  async readCertificate(hosts: readonly string[]): Promise<CertificatePair | undefined> {
    const text = await this.#read(hosts[0] ?? '');
    const key = /-----BEGIN (?:EC |RSA )?PRIVATE KEY-----[^]*?-----END [A-Z ]*PRIVATE KEY-----\n?/.exec(
      text ?? '',
    )?.[0];
    const cert = /-----BEGIN CERTIFICATE-----[^]*/.exec(text ?? '')?.[0];
    if (key === undefined || cert === undefined) return undefined;
    const parsed = new X509Certificate(cert);
    const isValid = parsed.checkPrivateKey(createPrivateKey(key)) && hosts.every((host) => parsed.checkHost(host));
    return isValid ? { cert, key } : undefined;
  }

  async writeCertificate(hosts: readonly string[], { cert, key }: CertificatePair): Promise<void> {
    await this.#write(hosts[0] ?? '', `${key.trimEnd()}\n${cert}`);
  }

  async #read(name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.#directory, name), 'utf8');
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw err;
    }
  }

  async #write(name: string, content: string): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const path = join(this.#directory, name);
    await writeFile(`${path}.new`, content, { mode: OWNER_ONLY });
    await rename(`${path}.new`, path);
  }
}
