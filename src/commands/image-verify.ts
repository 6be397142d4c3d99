import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

import { ImageError } from '../images/image-error.ts';
import { parseLocation } from '../images/location.ts';
import { openSource } from '../images/open-image.ts';
import { digestAlgorithm, digestOf } from '../oci/digest.ts';
import { parseSigningKey } from '../signatures/public-key.ts';
import { type SignatureVerdict, type SigningAuthority, verifyImage } from '../signatures/verify-image.ts';
import type { ImageContext } from './image.ts';
import { printable } from './image-description.ts';

/** `image verify`. @returns the exit code: 1 without a signature of one of the keys */
export async function verifyCommand(
  { access, out, err }: ImageContext,
  name: string,
  { json, ...signers }: Signers & { readonly json: boolean },
): Promise<number> {
  const authorities = await readAuthorities(signers);
  const source = await openSource(parseLocation(name), access);
  try {
    const { digest, bytes } = await source.root();
    if (digestOf(bytes, digestAlgorithm(digest)) !== digest) throw new ImageError(`${name}: ${digest} has other bytes`);
    const verdict = await verifyImage(source, { digest, authorities }, access);
    if (json) out.write(`${JSON.stringify(verdict)}\n`);
    else describe({ name, verdict, signers }, { out, err });
    return verdict.accepted.length > 0 ? 0 : 1;
  } finally {
    await source.close();
  }
}

interface Signers {
  /** Files. */
  readonly keys: readonly string[];
  /** A file. Absent with keys; else with the identity and its issuer. */
  readonly trustedRoot?: string | undefined;
  readonly identity?: string | undefined;
  readonly issuer?: string | undefined;
}

async function readAuthorities({ keys, trustedRoot, identity, issuer }: Signers): Promise<SigningAuthority[]> {
  if (trustedRoot === undefined || identity === undefined || issuer === undefined)
    return Promise.all(keys.map(readAuthority));
  const { CertificateVerifier } = await import('../signatures/certificate-verifier.ts');
  const accepted = { identities: [{ issuer, subject: identity }], origin: trustedRoot };
  const certificates = await CertificateVerifier.load(await readFile(trustedRoot), accepted);
  return [{ name: identity, certificates }];
}

async function readAuthority(file: string): Promise<SigningAuthority> {
  return { name: basename(file), key: parseSigningKey(await readFile(file, 'utf8'), file) };
}

interface Verified {
  readonly name: string;
  readonly verdict: SignatureVerdict;
  readonly signers: Signers;
}

function describe({ name, verdict, signers }: Verified, { out, err }: Pick<ImageContext, 'out' | 'err'>): void {
  const { digest, accepted, rejected } = verdict;
  for (const { authority, format } of accepted) out.write(`${digest} is signed with ${authority} (${format})\n`);
  if (accepted.length > 0) return;
  const reasons = rejected.map(({ manifest, reason }) => `\n  ${manifest}: ${printable(reason)}`).join('');
  const missing = signers.identity === undefined ? 'signature of these keys' : `signature of ${signers.identity}`;
  err.write(`layover: ${name} (${digest}) has no ${missing}${reasons}\n`);
}
