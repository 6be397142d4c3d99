import type { PeerCertificate } from 'node:tls';

import type { MtlsConfig } from '../config/config.ts';
import type { Authenticator, Presented } from './authenticator.ts';
import type { Identity } from './identity.ts';

/** Client certificates. They count only for requests without other credentials. */
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

/** @returns undefined when the certificate has no name, or several common names */
export function identityOf(
  { subject, subjectaltname }: Pick<PeerCertificate, 'subject' | 'subjectaltname'>,
  { name, groups }: MtlsConfig,
): Identity | undefined {
  const found = name === 'cn' ? subject.CN : firstAltName(subjectaltname);
  if (typeof found !== 'string' || found === '') return undefined;
  // Several units are an array, which Node's types do not mention.
  const units: unknown = groups === 'ou' ? subject.OU : undefined;
  return { name: found, groups: [units].flat().filter((unit) => typeof unit === 'string') };
}

/** Node quotes values that could be read as another name, in the form of JSON strings (CVE-2021-44532). */
const ALT_NAMES = /(?:^|, )([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)/gy;
const NAMING = ['DNS', 'URI', 'email', 'IP Address'];

function firstAltName(text = ''): string | undefined {
  const [, , value = ''] = [...text.matchAll(ALT_NAMES)].find(([, kind = '']) => NAMING.includes(kind)) ?? [];
  return value.startsWith('"') ? (JSON.parse(value) as string) : value || undefined;
}
