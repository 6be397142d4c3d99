import { z } from 'zod';
import { matching } from './text.ts';

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

const value = () =>
  matching('A value.', { pattern: /^[\t\x20-\x7e\x80-\xff]*$/, expected: 'must be text without line breaks' });

/** Names and values of HTTP headers (RFC 9110, section 5). A single value need not be in a list. */
export const headers = () =>
  z.record(
    z.string().regex(TOKEN, 'is not a header name'),
    z.preprocess((given) => (typeof given === 'string' ? [given] : given), z.array(value())),
  );

/** RFC 9110, section 5.3: the values of one header may be sent as one, separated by commas. */
export function joinValues(given: Readonly<Record<string, readonly string[]>>): Record<string, string> {
  return Object.fromEntries(Object.entries(given).map(([key, values]) => [key, values.join(', ')]));
}
