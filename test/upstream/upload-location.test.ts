import { describe, expect, it } from 'vitest';

import { uploadLocation } from '../../src/upstream/upload-location.ts';

const base = new URL('https://hub.example:8443');
const from = new URL('https://hub.example:8443/v2/a/blobs/uploads/');

describe('the URL at which an upload continues', () => {
  it.each([
    ['/v2/a/blobs/uploads/1?s=2', 'https://hub.example:8443/v2/a/blobs/uploads/1?s=2'],
    ['http://hub.example/x', 'https://hub.example:8443/x'],
    ['https://hub.example//other.example/x', 'https://hub.example:8443//other.example/x'],
    ['https://store.example//127.0.0.1/x', 'https://store.example//127.0.0.1/x'],
    ['https://user:secret@store.example/x#part', 'https://store.example/x'],
  ])('is the host that %s names', (location, expected) => {
    expect(uploadLocation(location, { upstream: 'hub', base, from, status: 202 }).href).toBe(expected);
  });
});
