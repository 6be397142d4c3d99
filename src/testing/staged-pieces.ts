import assert from 'node:assert/strict';

import type { StorageDriver } from '../storage/driver.ts';
import type { StagedFile } from '../storage/staging.ts';
import { assertBytes } from './assertions.ts';
import type { SeededRandom } from './generated-inputs.ts';
import { holding } from './staging-steps.ts';

/** Bytes that are written during one hold. */
export interface Piece {
  readonly hex: string;
  /** Otherwise the hold ends without keeping them. */
  readonly isKept: boolean;
}

/** Up to 8 pieces of up to 300 bytes, some of them equal. */
export function somePieces(random: SeededRandom): Piece[] {
  return random.list(8, () => {
    const size = random.pick([0, random.upTo(5), random.upTo(300)]);
    const highest = random.pick([0, 255]);
    const bytes = Buffer.from(Array.from({ length: size }, () => random.upTo(highest)));
    return { hex: bytes.toString('hex'), isKept: random.pick([true, false]) };
  });
}

/** Writes each piece in a hold, and compares the file with the pieces kept before. Returns all kept bytes. */
export async function keepPieces(driver: StorageDriver, path: string, pieces: readonly Piece[]): Promise<Buffer> {
  const versions: KeptVersion[] = [];
  let kept = Buffer.alloc(0);
  for (const { hex, isKept } of pieces) {
    const bytes = Buffer.from(hex, 'hex');
    await holding(driver, path, async (staged) => {
      await assertKept(staged, kept);
      await staged.write([Buffer.from(bytes)]);
      if (!isKept) return;
      await staged.keep();
      kept = Buffer.concat([kept, bytes]);
      assertVersion(staged, { versions, size: kept.length });
      versions.push({ version: staged.version, size: kept.length });
    });
    assert.equal(await driver.staging.size(path), kept.length);
  }
  return kept;
}

interface KeptVersion {
  readonly version: string;
  /** Bytes of the file at that version. */
  readonly size: number;
}

async function assertKept(staged: StagedFile, kept: Buffer): Promise<void> {
  assert.equal(staged.size, kept.length);
  assertBytes(await collect(staged, 0), kept, 'the kept bytes');
  const start = kept.length >> 1;
  assertBytes(await collect(staged, start), kept.subarray(start), 'the second half of the kept bytes');
}

interface VersionHistory {
  readonly versions: readonly KeptVersion[];
  /** Bytes of the file now. */
  readonly size: number;
}

function assertVersion(staged: StagedFile, { versions, size }: VersionHistory): void {
  for (const earlier of versions) {
    assert.ok(staged.startsWith(earlier.version), `the file does not start with its version ${earlier.version}`);
    if (earlier.version === staged.version) assert.equal(earlier.size, size, 'equal versions have different bytes');
  }
}

async function collect(staged: StagedFile, start: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of staged.read(start)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
