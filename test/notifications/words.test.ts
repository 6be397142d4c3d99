import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { backoffMs } from '../../src/notifications/backoff.ts';
import { createNotification } from '../../src/notifications/create-notification.ts';
import { envelopeOf, timestampOf, uuidV7 } from '../../src/notifications/envelope.ts';
import { createEventFilter } from '../../src/notifications/event-filter.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { ContentEvent } from '../../src/registry/content-event.ts';

const SOURCE = { addr: 'host:5000', instanceID: 'x' };
const DIGEST = digestOf(Buffer.from('x'));
const ORIGIN = {
  requestId: 'r',
  client: '10.0.0.1:1',
  host: 'registry:5000',
  method: 'PUT',
  userAgent: undefined,
  actor: 'ci',
  locate: (path: string) => `https://registry:5000${path}`,
};

const notificationOf = (event: ContentEvent, includeReferences = false) =>
  createNotification(event, ORIGIN, { source: SOURCE, includeReferences, now: 0 });

describe('an event', () => {
  it.each([
    [0, '1970-01-01T00:00:00Z'],
    [120, '1970-01-01T00:00:00.12Z'],
    [10_000, '1970-01-01T00:00:10Z'],
    [1_001, '1970-01-01T00:00:01.001Z'],
  ])('at %d ms is dated %s', (unixMs, timestamp) => {
    expect(timestampOf(unixMs)).toBe(timestamp);
  });

  it('has a unique id that sorts by time', () => {
    const ids = Array.from({ length: 100 }, (_, second) => uuidV7(second * 1000));
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(Array.from({ length: 100 }, () => uuidV7(0))).size).toBe(100);
    for (const id of ids) expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  });

  it('omits unknown fields', () => {
    const json = JSON.stringify(notificationOf({ action: 'delete', repository: 'app', tag: 'v1' }));
    expect(JSON.parse(json)).toMatchObject({ target: { repository: 'app', tag: 'v1' }, actor: { name: 'ci' } });
    expect(Object.keys((JSON.parse(json) as { target: object }).target)).toEqual(['repository', 'tag']);
  });

  it('has the size of an empty blob, and the address of a manifest by its type', () => {
    const blob = { action: 'push', repository: 'app', digest: DIGEST, mediaType: 'application/octet-stream' } as const;
    expect(notificationOf({ ...blob, size: 0 }).target).toMatchObject({
      size: 0,
      url: `https://registry:5000/v2/app/blobs/${DIGEST}`,
    });
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    expect(notificationOf({ ...blob, mediaType }).target.url).toContain('/manifests/');
  });

  it('of an unreadable manifest has no references', () => {
    const manifest = Buffer.from('{}');
    const event = { action: 'pull', repository: 'app', digest: DIGEST, manifest } as const;
    expect(notificationOf(event, true).target.references).toBeUndefined();
  });

  it("is escaped as Go's encoder does, without a change in meaning", () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const event = { id: text, actor: { name: `<${text}&\u2028>` } };
        const body = envelopeOf(JSON.stringify(event));
        expect(JSON.parse(body)).toEqual({ events: [event] });
        expect(body).not.toMatch(/[<>&\u2028\u2029]/);
      }),
    );
  });
});

describe('an endpoint', () => {
  it('gets events that it ignores neither by action nor by type', () => {
    const wants = createEventFilter({ ignoredActions: ['pull'], ignoredMediaTypes: ['a/b'] });
    const event = { repository: 'app', digest: DIGEST } as const;
    const wanted = (more: Pick<ContentEvent, 'action' | 'mediaType'>) => wants(notificationOf({ ...event, ...more }));
    expect(wanted({ action: 'push', mediaType: 'a/c' })).toBe(true);
    expect(wanted({ action: 'delete' })).toBe(true);
    expect(wanted({ action: 'pull', mediaType: 'a/c' })).toBe(false);
    expect(wanted({ action: 'push', mediaType: 'a/b' })).toBe(false);
  });

  it('is retried at once, then after waits that double up to a limit', () => {
    const policy = { threshold: 3, backoffMs: 100, maxBackoffMs: 500 };
    expect([1, 2, 3, 4, 5, 6, 1000].map((failures) => backoffMs(failures, policy))).toEqual([
      0, 0, 100, 200, 400, 500, 500,
    ]);
  });
});
