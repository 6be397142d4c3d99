import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { OCI_INDEX } from '../../src/oci/media-types.ts';
import { connect, failureOf } from './support/connect.ts';
import { MANIFEST_TYPE, manifestDigest } from './support/samples.ts';
import { type Script, sendError, sendJson, startScripted } from './support/scripted-server.ts';

describe('listing tags', () => {
  it('requests the page and reads the next one from the Link header', async () => {
    await using registry = await startScripted((_req, res) =>
      sendJson(res, 200, { name: 'a', tags: ['1', '2'] }, { link: '</v2/a/tags/list?n=2&last=2>; rel="next"' }),
    );
    await using up = connect(registry.url);
    const page = await up.upstream.listTags('a', { n: 2, last: '0 +&' });
    expect(page).toEqual({ tags: ['1', '2'], next: { n: 2, last: '2' } });
    expect(registry.lines()).toEqual(['GET /v2/a/tags/list?n=2&last=0+%2B%26']);
  });

  it('has no next page without a Link', async () => {
    await using registry = await startScripted((_req, res) => sendJson(res, 200, { name: 'a', tags: null }));
    await using up = connect(registry.url);
    expect(await up.upstream.listTags('a', {})).toEqual({ tags: [], next: undefined });
    expect(registry.lines()).toEqual(['GET /v2/a/tags/list']);
  });

  it('continues after the last tag where the registry pages by a token', async () => {
    await using registry = await startScripted((_req, res) =>
      sendJson(res, 200, { tags: ['1', '2'] }, { link: '<?next_page=opaque>; rel="next"' }),
    );
    await using up = connect(registry.url);
    expect((await up.upstream.listTags('a', { n: 2 })).next).toEqual({ last: '2' });
  });

  it('does not follow a link to another host', async () => {
    await using registry = await startScripted((_req, res) =>
      sendJson(res, 200, { tags: ['1'] }, { link: '<https://evil.example/v2/a/tags/list?last=1>; rel="next"' }),
    );
    await using up = connect(registry.url);
    expect((await failureOf(up.upstream.listTags('a', {}))).kind).toBe('protocol');
  });

  it.each(['garbage', '[]', '{"tags":"1"}', '{"tags":[1]}'])('reports %s as a protocol error', async (body) => {
    await using registry = await startScripted((_req, res) => void res.writeHead(200).end(body));
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.listTags('a', {}));
    expect(error.kind).toBe('protocol');
    expect(error.message).not.toContain('garbage');
  });

  it('does not read a list without end', async () => {
    await using registry = await startScripted((_req, res) => {
      const more = () => {
        while (!res.destroyed && res.write('"tag",'.repeat(10_000)));
      };
      res.on('drain', more);
      more();
    });
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.listTags('a', {}));
    expect(error.message).toContain('larger than 4194304 bytes');
  });
});

describe('listing referrers', () => {
  const subject = manifestDigest;
  const entry = (n: number) => ({
    mediaType: MANIFEST_TYPE,
    digest: digestOf(Buffer.from(String(n))),
    size: n,
    artifactType: 'application/spdx+json',
    annotations: { n: String(n) },
  });
  const index = (...manifests: unknown[]) => JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
  const page =
    (body: string, link?: string): Script =>
    (_req, res) =>
      void res.writeHead(200, { 'content-type': OCI_INDEX, ...(link && { link }) }).end(body);
  const TAG_PATH = `/v2/a/manifests/${subject.replace(':', '-')}`;

  it('reads all pages of the API', async () => {
    await using registry = await startScripted((req, res, seen) => {
      const second = req.url?.includes('token=2');
      const link = `<http://127.0.0.1:1/v2/a/referrers/${subject}?token=2>; rel="next"`;
      page(second ? index(entry(2)) : index(entry(1)), second ? undefined : link)(req, res, seen);
    });
    await using up = connect(registry.url);
    expect(await up.upstream.listReferrers('a', subject)).toEqual([entry(1), entry(2)]);
    expect(registry.lines()).toEqual([`GET /v2/a/referrers/${subject}`, `GET /v2/a/referrers/${subject}?token=2`]);
    expect(registry.seen[0]?.headers.accept).toBe(OCI_INDEX);
  });

  it('leaves out entries that are not descriptors', async () => {
    const bad = [null, 1, {}, { ...entry(1), digest: 'x' }, { ...entry(1), size: -1 }];
    await using registry = await startScripted(page(index(...bad, { ...entry(3), annotations: { a: 1 } })));
    await using up = connect(registry.url);
    const { annotations: _, ...plain } = entry(3);
    expect(await up.upstream.listReferrers('a', subject)).toEqual([plain]);
  });

  it.each([
    ['404', (_req, res) => sendError(res, 404, 'NOT_FOUND', 'no such page')],
    ['another media type', (_req, res) => sendJson(res, 200, { hello: 'I am a web page' })],
  ] as [string, Script][])('falls back to the tag schema after %s', async (_, api) => {
    await using registry = await startScripted((req, res, seen) =>
      req.url === TAG_PATH ? page(index(entry(1)))(req, res, seen) : api(req, res, seen),
    );
    await using up = connect(registry.url);
    expect(await up.upstream.listReferrers('a', subject)).toEqual([entry(1)]);
  });

  it('is empty when there is neither', async () => {
    await using registry = await startScripted((_req, res) => void res.writeHead(404).end());
    await using up = connect(registry.url);
    expect(await up.upstream.listReferrers('a', subject)).toEqual([]);
    expect(registry.lines()).toEqual([`GET /v2/a/referrers/${subject}`, `GET ${TAG_PATH}`]);
  });

  it('uses the registry itself when a mirror has neither', async () => {
    await using mirror = await startScripted((_req, res) => void res.writeHead(404).end());
    await using registry = await startScripted(page(index(entry(1))));
    await using up = connect(registry.url, { mirrors: [mirror.url] });
    expect(await up.upstream.listReferrers('a', subject)).toEqual([entry(1)]);
  });

  it.each([
    ['pages', () => index()],
    ['entries', () => index(...Array.from({ length: 4_000 }, (_, n) => entry(n)))],
  ])('gives up on a list whose %s have no end', async (_, body) => {
    const text = body();
    await using registry = await startScripted(page(text, `</v2/a/referrers/${subject}?more>; rel="next"`));
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.listReferrers('a', subject));
    expect(error.message).toContain('has no end');
    expect(registry.seen.length).toBeLessThanOrEqual(50);
  });

  it('does not follow a link to another host or path', async () => {
    for (const link of [`https://evil.example/v2/a/referrers/${subject}`, '/v2/b/secrets']) {
      await using registry = await startScripted(page(index(), `<${link}>; rel="next"`));
      await using up = connect(registry.url);
      expect((await failureOf(up.upstream.listReferrers('a', subject))).kind).toBe('protocol');
    }
  });

  it.each([
    ['the API', page('garbage')],
    [
      'the tag',
      (req, res) => void (req.url === TAG_PATH ? res.writeHead(200).end('garbage') : res.writeHead(404).end()),
    ],
  ] as [string, Script][])('calls garbage from %s a protocol error', async (_, script) => {
    await using registry = await startScripted(script);
    await using up = connect(registry.url);
    expect((await failureOf(up.upstream.listReferrers('a', subject))).kind).toBe('protocol');
  });
});
