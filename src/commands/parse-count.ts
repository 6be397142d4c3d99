import { InvalidArgumentError } from 'commander';

/** The value of an option that counts something. @throws {InvalidArgumentError} */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new InvalidArgumentError('It must be a whole number, 1 or more.');
  return count;
}
