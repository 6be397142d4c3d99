import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';

import type { LetsEncryptConfig } from '../../config/config.ts';
import type { AcmeCache } from './acme-cache.ts';
import type { AcmeChallenges } from './acme-challenges.ts';
import type { CertificatePair } from './certificate-source.ts';

/** Between polls of the order. Milliseconds. */
const BACKOFF = { backoffAttempts: 10, backoffMin: 1000, backoffMax: 10_000 };

/**
 * Orders a certificate for all of the hosts. The library is loaded here because few installations need it.
 *
 * @throws when the authority refuses, or cannot be reached
 */
export async function orderCertificate(
  { hosts, email, directoryUrl, directoryCa }: LetsEncryptConfig,
  { cache, challenges }: { readonly cache: AcmeCache; readonly challenges: AcmeChallenges },
): Promise<CertificatePair> {
  const { axios, Client, crypto, directory } = await import('acme-client');
  if (directoryCa !== undefined) axios.defaults.httpsAgent = new Agent({ ca: await readFile(directoryCa) });
  let accountKey = await cache.readAccountKey();
  if (accountKey === undefined) {
    accountKey = String(await crypto.createPrivateEcdsaKey());
    await cache.writeAccountKey(accountKey);
  }
  const client = new Client({ ...BACKOFF, directoryUrl: directoryUrl ?? directory.letsencrypt.production, accountKey });
  const [key, csr] = await crypto.createCsr(
    { commonName: hosts[0] ?? '', altNames: [...hosts] },
    await crypto.createPrivateEcdsaKey(),
  );
  const cert = await client.auto({
    csr,
    ...(email !== undefined && { email }),
    termsOfServiceAgreed: true,
    challengePriority: ['tls-alpn-01'],
    // The library would connect to port 443 of the host itself, which may not be reachable from here.
    skipChallengeVerification: true,
    async challengeCreateFn(authorization, _challenge, keyAuthorization) {
      const [challengeKey, challengeCert] = await crypto.createAlpnCertificate(authorization, keyAuthorization);
      challenges.add(authorization.identifier.value, { cert: String(challengeCert), key: String(challengeKey) });
    },
    challengeRemoveFn: async (authorization) => challenges.remove(authorization.identifier.value),
  });
  return { cert, key: String(key) };
}
