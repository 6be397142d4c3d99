import { generate } from 'selfsigned';

export interface Certified {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

interface CertificateOptions {
  /** Absent for a self-signed certificate. */
  readonly by?: Certified;
  readonly isCa?: boolean;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly units?: readonly string[];
  /** Server names; alternative names of clients. */
  readonly altNames?: readonly { type: 1 | 2 | 6; value: string }[];
}

export async function createCertificate(name: string, options: CertificateOptions = {}): Promise<Certified> {
  const { by, isCa = false, notBefore, notAfter, units = [], altNames = [] } = options;
  const subject = [{ name: 'commonName', value: name }, ...units.map((value) => ({ shortName: 'OU', value }))];
  const pems = await generate(subject, {
    keyType: 'ec',
    algorithm: 'sha256',
    ...(by && { ca: by }),
    ...(notBefore && { notBeforeDate: notBefore }),
    ...(notAfter && { notAfterDate: notAfter }),
    extensions: [
      { name: 'basicConstraints', cA: isCa, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: isCa },
      ...(altNames.length > 0 ? [{ name: 'subjectAltName' as const, altNames: [...altNames] }] : []),
    ],
  });
  return { cert: pems.cert, key: pems.private };
}

/** In the form of an `x5c` header. */
export function derOf({ cert }: Certified): string {
  return cert.replace(/-----[A-Z ]+-----|\s/g, '');
}
