/** What a client may do with the admin API; each includes those before it. */
export const LEVELS = ['none', 'viewer', 'reader', 'admin'] as const;

/**
 * - `viewer`: see what it may pull
 * - `reader`: see everything
 * - `admin`: change everything
 */
export type Level = (typeof LEVELS)[number];

/** How a client is known. `address`: by nothing but its connection. */
export type KnownBy = 'address' | 'authorization' | 'cookie' | 'header' | 'certificate';

export interface Rights {
  readonly level: Level;
  readonly by: KnownBy;
  /** Its name. Absent when it has none, such as a holder of the admin token. */
  readonly user?: string | undefined;
  /** Which repositories it may see. Absent when it may see all of them. */
  readonly mayPull?: ((repository: string) => boolean) | undefined;
  /** It may name files of this machine: responses show whether a path exists, and describe problems of files. */
  readonly mayNameFiles: boolean;
}

export function includes(level: Level, needed: Level): boolean {
  return LEVELS.indexOf(level) >= LEVELS.indexOf(needed);
}
