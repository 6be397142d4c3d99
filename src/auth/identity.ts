import type { Access } from './access.ts';

/** Who is calling. */
export interface Identity {
  /** Empty: nobody in particular. */
  readonly name: string;
  readonly groups: readonly string[];
  /** What a token is for, and its bearer may do no more; undefined: no token limits it. */
  readonly grants?: readonly Access[];
}

export const ANONYMOUS: Identity = { name: '', groups: [] };

/** Somebody, or the bearer of a token that was given to nobody in particular. */
export function isKnown({ name, grants }: Identity): boolean {
  return name !== '' || grants !== undefined;
}
