/** Damaged content. It counts as absent; storing it again repairs it. */
export interface Damage {
  /** In the storage. */
  readonly path: string;
  readonly reason: 'missing-data' | 'empty-data' | 'wrong-bytes' | 'not-a-manifest' | 'bad-link' | 'unreadable';
}

export type DamageListener = (damage: Damage) => void;
