import type { PeerCertificate } from 'node:tls';

import type { MtlsConfig } from '../config/config.ts';
import type { Authenticator, Presented } from './authenticator.ts';
import type { Identity } from './identity.ts';

/** Client certificates, for those who send no other credentials. */
export function createMtls(config: MtlsConfig): Authenticator {
  const known = new WeakMap<object, Identity>();
  return {
    identify({ authorization, connection, certificate }: Presented): Identity | undefined {
      if (authorization !== undefined) return undefined;
      const shown = known.has(connection) ? undefined : certificate();
      const identity = shown && identityOf(shown, config);
      if (identity) known.set(connection, identity);
      return known.get(connection);
    },
    challenge: () => undefined,
  };
}

/** @returns undefined when the certificate has no name, or more common names than one */
export function identityOf(
  { subject, subjectaltname }: Pick<PeerCertificate, 'subject' | 'subjectaltname'>,
  { name, groups }: MtlsConfig,
): Identity | undefined {
  const found = name === 'cn' ? subject.CN : firstAltName(subjectaltname);
  if (typeof found !== 'string' || found === '') return undefined;
  // Of several there is a list, which Node's types do not say.
  const units: unknown = groups === 'ou' ? subject.OU : undefined;
  return { name: found, groups: [units].flat().filter((unit) => typeof unit === 'string') };
}

/** Node puts what could be read as another name into quotes, as JSON has them (CVE-2021-44532). */
const ALT_NAMES = /(?:^|, )([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)/gy;
const NAMING = ['DNS', 'URI', 'email', 'IP Address'];

function firstAltName(text = ''): string | undefined {
  const [, , value = ''] = [...text.matchAll(ALT_NAMES)].find(([, kind = '']) => NAMING.includes(kind)) ?? [];
  return value.startsWith('"') ? (JSON.parse(value) as string) : value || undefined;
}
