import fc from 'fast-check';
import { expect, it } from 'vitest';

import { signUploadState, verifyUploadState } from '../../src/hosted/upload-state.ts';

const state = fc.record({
  name: fc.string(),
  id: fc.uuid(),
  offset: fc.nat(),
  startedAt: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  algorithm: fc.constantFrom('sha256' as const, 'sha512' as const),
});

it('a signed state is verified with any of the secrets', () => {
  fc.assert(
    fc.property(state, fc.string({ minLength: 1 }), fc.array(fc.string()), (signed, secret, others) => {
      const text = signUploadState(signed, secret);
      expect(text).toMatch(/^[\w-]+$/);
      expect(verifyUploadState(text, [...others, secret])).toEqual(signed);
    }),
  );
});

it('a state that is forged, changed, or signed with another secret is rejected', () => {
  fc.assert(
    fc.property(state, fc.nat(), fc.string(), (signed, position, madeUp) => {
      const text = signUploadState(signed, 'secret');
      expect(verifyUploadState(text, ['other'])).toBeUndefined();
      const bytes = Buffer.from(text, 'base64url');
      const at = position % bytes.length;
      bytes[at] = (bytes[at] as number) ^ 1;
      expect(verifyUploadState(bytes.toString('base64url'), ['secret'])).toBeUndefined();
      expect(verifyUploadState(madeUp, ['secret'])).toBeUndefined();
    }),
  );
});
