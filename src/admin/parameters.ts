import { ControlError } from '../operations/control-error.ts';

export function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function oneOf<T extends string>(key: string, value: unknown, known: readonly T[]): T | undefined {
  if (value === undefined) return undefined;
  const found = known.find((each) => each === value);
  if (found === undefined) throw new ControlError('invalid', `${key} must be one of ${known.join(', ')}`);
  return found;
}

export function positive(key: string, value: unknown): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) throw new ControlError('invalid', `${key} must be 1 or more`);
  return number;
}

/** @throws {ControlError} `invalid` */
export function requiredText(key: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new ControlError('invalid', `${key} is missing`);
  return value;
}

/** A switch in a query: `1` or `true`. */
export function isOn(key: string, value: unknown): boolean {
  return value !== undefined && oneOf(key, value, ['1', 'true', '0', 'false']) !== '0' && value !== 'false';
}
