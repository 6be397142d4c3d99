import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { Denials } from '../../src/policy/denials.ts';

const one = digestOf(Buffer.from('one'));
const two = digestOf(Buffer.from('two'));

describe('denials', () => {
  it('are those of all lists, each of which is replaced on its own', () => {
    const denials = new Denials();
    expect(denials.isEmpty).toBe(true);
    denials.replace('file', { digests: new Map([[one, 'CVE-1']]), names: ['docker.io/bad/*'] });
    denials.replace('recall', { digests: new Map([[two, '']]), names: [] });
    expect(denials.isEmpty).toBe(false);
    expect(denials.ofDigest('any/name', one)?.toJSON()).toEqual({
      errors: [
        {
          code: 'DENIED',
          message: `any/name@${one} is denied: CVE-1`,
          detail: { policy: 'deny', digest: one, reason: 'CVE-1' },
        },
      ],
    });
    expect(denials.ofDigest('any/name', two)).toMatchObject({ status: 403, message: `any/name@${two} is denied` });
    expect(
      ['docker.io/bad/app', 'docker.io/bad/app/more', 'ghcr.io/bad/app'].map((n) => denials.ofName(n)?.code),
    ).toEqual(['DENIED', undefined, undefined]);

    denials.replace('file', { digests: new Map(), names: [] });
    expect(denials.ofDigest('any/name', one)).toBeUndefined();
    expect(denials.ofName('docker.io/bad/app')).toBeUndefined();
    expect(denials.ofDigest('any/name', two)).toBeDefined();
  });
});
