import { createHmac } from 'node:crypto';

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
      // Go's decoder requires the padding.
      expect(text).toMatch(/^(?:[\w-]{4})+(?:[\w-]{2}==|[\w-]{3}=)?$/);
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

const sealed = (message: string) =>
  Buffer.concat([createHmac('sha256', 'secret').update(message).digest(), Buffer.from(message)]).toString('base64url');

it('a state of distribution is read, with the time in nanoseconds', () => {
  const id = 'b6b6c7a5-1a80-4b39-a8ca-0b64a7c8a2f4';
  const json = `{"Name":"team/app","UUID":"${id}","Offset":7,"StartedAt":"2026-11-27T10:00:00.123456789Z"}`;
  const startedAt = '2026-11-27T10:00:00.123456789Z';
  expect(verifyUploadState(sealed(json), ['secret'])).toEqual({
    ...{ name: 'team/app', id, offset: 7, startedAt, algorithm: 'sha256' },
  });
});

it.each([
  ['for another purpose', 'relay\ndocker.io/library/app'],
  ['without fields', '{}'],
  ['that is null', 'null'],
  ['with a fraction of a byte', '{"Name":"a","UUID":"b","Offset":0.5,"StartedAt":"2026-11-27T10:00:00Z"}'],
  ['without a time', '{"Name":"a","UUID":"b","Offset":0,"StartedAt":"yesterday"}'],
])('a text that was signed %s is rejected', (_what, text) => {
  expect(verifyUploadState(sealed(text), ['secret'])).toBeUndefined();
});
