import type { BundleView } from '../operations/bundle-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { UsageIndex } from '../usage/usage-index.ts';
import type { PinBackup } from './pin-backup.ts';

export interface BundlePinsOptions {
  readonly index: UsageIndex;
  readonly pinBackup: PinBackup;
  readonly now: () => number;
}

/** Pins of imported bundles. Each bundle has its own, so that one can be removed without the others. */
export class BundlePins {
  readonly #options: BundlePinsOptions;

  constructor(options: BundlePinsOptions) {
    this.#options = options;
  }

  /** @param names stored names with a tag or a digest */
  async pin(bundle: string, names: readonly string[]): Promise<void> {
    const { index, pinBackup, now } = this.#options;
    for (const pattern of names) await index.pin({ pattern, pinnedAt: now(), bundle });
    await pinBackup.save(await index.pins());
  }

  /** The last imported first. */
  async list(): Promise<readonly BundleView[]> {
    const found = new Map<string, BundleView>();
    for (const { bundle, pinnedAt } of await this.#options.index.pins()) {
      if (bundle === undefined) continue;
      const before = found.get(bundle) ?? { id: bundle, pins: 0, importedAt: 0 };
      found.set(bundle, { id: bundle, pins: before.pins + 1, importedAt: Math.max(before.importedAt, pinnedAt) });
    }
    return [...found.values()].sort((a, b) => b.importedAt - a.importedAt);
  }

  /** @returns the number of removed pins @throws {ControlError} `not-found` */
  async forget(id: string): Promise<number> {
    const { index, pinBackup } = this.#options;
    const pins = (await index.pins()).filter(({ bundle }) => bundle === id);
    if (pins.length === 0) throw new ControlError('not-found', `no pins of a bundle ${id} (see layover bundle list)`);
    for (const pin of pins) await index.unpin(pin);
    await pinBackup.save(await index.pins());
    return pins.length;
  }
}
