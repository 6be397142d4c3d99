import { describe, expect, it } from 'vitest';

import { RegistryError, toRegistryError } from '../../src/oci/errors.ts';

describe('a registry error', () => {
  it('has the status of its code, unless another one is given', () => {
    expect(new RegistryError('BLOB_UNKNOWN', 'x').status).toBe(404);
    expect(new RegistryError('RANGE_INVALID', 'x').status).toBe(416);
    expect(new RegistryError('UNAVAILABLE', 'x', { status: 504 }).status).toBe(504);
  });

  it('is the JSON of the spec, with its detail and without its cause', () => {
    const error = new RegistryError('DENIED', 'no', { detail: { name: 'a' }, cause: new Error('secret') });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      errors: [{ code: 'DENIED', message: 'no', detail: { name: 'a' } }],
    });
    expect(JSON.parse(JSON.stringify(new RegistryError('DENIED', 'no')))).toEqual({
      errors: [{ code: 'DENIED', message: 'no' }],
    });
  });

  it('replaces any other error without revealing its message', () => {
    const cause = new TypeError('at /home/me/secret.ts');
    const error = toRegistryError(cause);
    expect([error.code, error.status, error.cause]).toEqual(['UNKNOWN', 500, cause]);
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(toRegistryError(error)).toBe(error);
    expect(toRegistryError(undefined).status).toBe(500);
  });
});
