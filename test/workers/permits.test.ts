import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';

import type { Digest } from '../../src/oci/digest.ts';
import { permitKey } from '../../src/workers/permit-key.ts';
import { PermittedNames } from '../../src/workers/permitted-names.ts';
import { Permits } from '../../src/workers/permits.ts';
import { contentName, type Permit, sharedNow, tagName } from '../../src/workers/protocol.ts';

const [ONE, TWO] = ['1', '2'].map((digit) => `sha256:${digit.repeat(64)}` as Digest) as [Digest, Digest];
const ROOT = 'docker.io/library/app';

interface Sent {
  readonly method?: string;
  readonly url?: string;
  readonly headers?: IncomingMessage['headers'];
}

function requestOf({ method = 'GET', url = '/v2/library/app/manifests/1', headers = {} }: Sent = {}): IncomingMessage {
  return { method, url, headers: { host: 'layover', ...headers }, httpVersionMajor: 1 } as IncomingMessage;
}

/** For the tag `1`, which leads to `digest`. */
function permitFor(sent: Sent = {}, { digest = ONE, forMs = 60_000, tagForMs = 60_000 } = {}): Permit {
  return {
    type: 'permit',
    key: permitKey(requestOf(sent)) ?? '',
    request: { kind: 'manifest', repository: 'library/app', reference: { kind: 'tag', tag: '1' } },
    user: '',
    sourceHost: 'docker.io',
    upstream: 'docker.io',
    namedBy: 'default',
    isGetOnly: false,
    until: sharedNow() + forMs,
    tag: { name: tagName(ROOT, '1'), until: sharedNow() + tagForMs },
    content: {
      name: contentName(ROOT, digest),
      stored: ROOT,
      digest,
      mediaType: 'application/json',
      size: 2,
      source: { bytes: Buffer.from('{}') },
    },
  };
}

const alice = { headers: { authorization: 'Bearer alice' } };
const bob = { headers: { authorization: 'Bearer bob' } };

function digestFor(permits: Permits, sent: Sent): Digest | undefined {
  return permits.find(requestOf(sent))?.content.digest;
}

describe('a permit', () => {
  it('is for one target, one host and one credential', () => {
    const permits = new Permits();
    permits.add(permitFor(alice));
    expect(digestFor(permits, alice)).toBe(ONE);
    expect(digestFor(permits, { ...alice, method: 'HEAD' })).toBe(ONE);
    const others: Sent[] = [
      {},
      bob,
      { headers: { authorization: '' } },
      { headers: { authorization: 'Bearer alice', host: 'other' } },
      { headers: { authorization: 'Bearer alice', host: undefined } },
      { headers: { authorization: 'Bearer alice', 'content-length': '0' } },
      { ...alice, method: 'DELETE' },
      { ...alice, url: '/v2/library/app/manifests/1?' },
      { ...alice, url: '/v2/library/app/manifests/%31' },
      { ...alice, url: 'http://layover/v2/library/app/manifests/1' },
    ];
    expect(others.map((sent) => digestFor(permits, sent))).toEqual(others.map(() => undefined));
  });

  it('ends, and so does the tag that it is for', () => {
    const permits = new Permits();
    permits.add(permitFor(alice, { forMs: -1 }));
    permits.add(permitFor(bob, { tagForMs: -1 }));
    expect([digestFor(permits, alice), digestFor(permits, bob)]).toEqual([undefined, undefined]);
  });

  it('leads to what the tag of another client leads to', () => {
    const permits = new Permits();
    permits.add(permitFor(alice));
    permits.add(permitFor(bob, { digest: TWO }));
    expect([digestFor(permits, alice), digestFor(permits, bob)]).toEqual([TWO, TWO]);
  });

  it.each([
    ['its content', contentName(ROOT, ONE)],
    ['its tag', tagName(ROOT, '1')],
    ['everything', undefined],
  ])('is of no use when %s is forgotten', (_what, name) => {
    const permits = new Permits();
    permits.add(permitFor(alice));
    permits.add(permitFor(bob));
    permits.forget(name);
    expect([digestFor(permits, alice), digestFor(permits, bob)]).toEqual([undefined, undefined]);
  });

  it('does not come back with content that another client may have, once everything is forgotten', () => {
    const permits = new Permits();
    permits.add(permitFor({}));
    permits.forget(undefined);
    permits.add(permitFor(alice));
    expect([digestFor(permits, {}), digestFor(permits, alice)]).toEqual([undefined, ONE]);
  });
});

describe('names that are permitted', () => {
  it('are content and tag, until the last permit for them ends', () => {
    const names = new PermittedNames();
    const now = sharedNow();
    names.add(permitFor(alice), now);
    names.add(permitFor(bob, { forMs: 1_000 }), now);
    expect(names.remove(contentName(ROOT, ONE), now + 30_000)).toBe(true);
    expect(names.remove(contentName(ROOT, ONE), now + 30_000)).toBe(false);
    expect(names.remove(tagName(ROOT, '1'), now + 90_000)).toBe(false);
    expect(names.remove(contentName(ROOT, TWO), now)).toBe(false);
  });

  it('are kept however many there are', () => {
    const names = new PermittedNames();
    const now = sharedNow();
    const many = Array.from({ length: 10_500 }, (_, i) => `sha256:${String(i).padStart(64, '0')}` as Digest);
    for (const digest of many) names.add(permitFor({}, { digest }), now);
    expect(many.filter((digest) => names.remove(contentName(ROOT, digest), now))).toHaveLength(many.length);
  });
});
