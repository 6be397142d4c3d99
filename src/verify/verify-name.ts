import type { NamedBy } from '../registry/named-by.ts';

/** Repositories below it are reserved: they have the image of `verify-image.ts`. */
const NAMESPACE = 'layover-verify';

const NONCE = /^[a-z0-9]{8,64}$/;
/** As clients distinguish a host from a name: `team/` is not one. */
const HOST = /^(?:localhost|[^/]*[.:][^/]*)\/$/;

/** A request for the image of a reserved name. */
export interface Verification {
  readonly nonce: string;
  /** The registry that the client means, as it named it. Absent for the default one. */
  readonly namespace: string | undefined;
  readonly namedBy: NamedBy;
}

/** @returns what follows the registry in the name of the image */
export function verifyName(nonce: string): string {
  return `${NAMESPACE}/${nonce}`;
}

/**
 * @param repository with or without a registry before it
 * @returns undefined for a name that is not reserved
 */
export function parseVerifyName(repository: string): { readonly nonce: string; readonly prefix?: string } | undefined {
  const start = repository.indexOf(`${NAMESPACE}/`);
  if (start === -1) return undefined;
  const nonce = repository.slice(start + NAMESPACE.length + 1);
  const prefix = repository.slice(0, start);
  if (!NONCE.test(nonce)) return undefined;
  if (prefix === '') return { nonce };
  return HOST.test(prefix) ? { nonce, prefix: prefix.slice(0, -1) } : undefined;
}
