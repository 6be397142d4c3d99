import { z } from 'zod';

/**
 * How the value of a variable becomes the value of a key: `yaml`, or `text` as it stands; `secret` is text that must not be
 * empty.
 */
export type Reading = 'yaml' | 'text' | 'secret';

/** The reading of each scalar of the schema. */
export const readings = z.registry<{ reads: Reading }>();
