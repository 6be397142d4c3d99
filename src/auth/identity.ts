/** Who is calling. */
export interface Identity {
  /** Empty: nobody in particular. */
  readonly name: string;
  readonly groups: readonly string[];
}

export const ANONYMOUS: Identity = { name: '', groups: [] };
