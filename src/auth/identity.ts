import type { Access } from './access.ts';

/** Who a client is. */
export interface Identity {
  /** Empty for an anonymous client. */
  readonly name: string;
  readonly groups: readonly string[];
  /** The accesses that its token is limited to. Absent without a token. */
  readonly grants?: readonly Access[];
}

export const ANONYMOUS: Identity = { name: '', groups: [] };

/** True for a named client, and for the bearer of any token, an anonymous one included. */
export function isKnown({ name, grants }: Identity): boolean {
  return name !== '' || grants !== undefined;
}
