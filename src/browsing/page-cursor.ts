import { ControlError } from '../operations/control-error.ts';

/** A cursor of a list: its order, and a place in it. */
export function toCursor(list: string, place: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify([list, ...place])).toString('base64url');
}

/** @param shape the type of each value of a place. @throws {ControlError} `invalid` for a cursor of another list */
export function parseCursor(
  list: string,
  cursor: string,
  shape: readonly ('string' | 'number')[],
): (string | number)[] {
  const [found, ...place] = parse(cursor);
  const isPlace = place.length === shape.length && place.every((value, i) => typeof value === shape[i]);
  if (found !== list || !isPlace) throw new ControlError('invalid', 'not a cursor of this list');
  return place as (string | number)[];
}

function parse(cursor: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return []; // which is not a place in a list
  }
}
