/** A piece of a staged file, stored as a separate object. */
export interface Piece {
  /** Name of the object. */
  readonly name: string;
  readonly generation: string;
  /** Position of its first byte in the file. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** Name of a piece in its directory. @param index from 0 */
export function pieceName(index: number): string {
  return String(index).padStart(8, '0');
}

/** The pieces of a file, in order. Other objects, and those behind a missing piece, do not belong to it. */
export function orderPieces(
  objects: readonly { readonly name: string; readonly generation: string; readonly size: number }[],
): readonly Piece[] {
  const byNumber = new Map(objects.map((object) => [object.name.slice(object.name.lastIndexOf('/') + 1), object]));
  const pieces: Piece[] = [];
  let offset = 0;
  for (let object = byNumber.get(pieceName(0)); object; object = byNumber.get(pieceName(pieces.length))) {
    pieces.push({ name: object.name, generation: object.generation, offset, size: object.size });
    offset += object.size;
  }
  return pieces;
}

/** Identifies the bytes of a file: the number of its pieces, and the version of the last one. */
export function versionOf(pieces: readonly Piece[]): string {
  const last = pieces.at(-1);
  return last ? `${pieces.length}-${last.generation}` : '0';
}

/** Whether the pieces begin with those of an earlier version. */
export function startsWithVersion(pieces: readonly Piece[], version: string): boolean {
  const count = Number(version.split('-', 1)[0]);
  return versionOf(pieces.slice(0, count)) === version;
}

export function sizeOf(pieces: readonly Piece[]): number {
  const last = pieces.at(-1);
  return last ? last.offset + last.size : 0;
}
