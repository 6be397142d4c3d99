import { describe, expect, it } from 'vitest';

import { bytesOf } from '../support/read-body.ts';
import { connect, failureOf } from './support/connect.ts';
import { blob, blobDigest, LATEST, MANIFEST_TYPE, manifest } from './support/samples.ts';
import { sendBlob } from './support/send-blob.ts';
import { type Script, sendError, sendJson, startScripted } from './support/scripted-server.ts';

const serve: Script = (req, res) => sendBlob(req, res, blob);
const redirectTo =
  (location: string, status = 307): Script =>
  (_req, res) =>
    void res.writeHead(status, { location }).end('moved');

/** A registry that wants a token from itself, then does as `script` says. */
function tokenRegistry(script: Script): Script {
  return (req, res, seen) => {
    if (req.url?.startsWith('/token')) return sendJson(res, 200, { token: 'secret' });
    if (req.headers.authorization === 'Bearer secret') return script(req, res, seen);
    res.setHeader('www-authenticate', `Bearer realm="http://${req.headers.host}/token"`);
    res.writeHead(401).end();
  };
}

describe('a redirect', () => {
  it('to another origin gets the Range and no Authorization', async () => {
    await using cdn = await startScripted(serve);
    await using registry = await startScripted(tokenRegistry(redirectTo(`${cdn.url}/blob?signature=abc`)));
    await using up = connect(registry.url);
    const { body, start } = await up.upstream.openBlob('a', blobDigest, { start: 100 });
    expect(start).toBe(100);
    expect((await bytesOf(body)).equals(blob.subarray(100))).toBe(true);
    expect(cdn.seen).toMatchObject([{ url: '/blob?signature=abc', headers: { range: 'bytes=100-' } }]);
    expect(cdn.seen[0]?.headers.authorization).toBeUndefined();
  });

  it('within the origin keeps the Authorization, relative locations included', async () => {
    await using registry = await startScripted(
      tokenRegistry((req, res, seen) =>
        req.url?.endsWith('/there') ? serve(req, res, seen) : redirectTo('../there', 302)(req, res, seen),
      ),
    );
    await using up = connect(registry.url);
    expect((await bytesOf((await up.upstream.openBlob('a', blobDigest)).body)).equals(blob)).toBe(true);
    expect(registry.seen.at(-1)).toMatchObject({ url: '/v2/a/there', headers: { authorization: 'Bearer secret' } });
  });

  it('back to the registry from elsewhere does not get it again', async () => {
    const back: { url?: string } = {};
    await using elsewhere = await startScripted((req, res, seen) => redirectTo(`${back.url}/back`)(req, res, seen));
    await using registry = await startScripted((req, res, seen) =>
      req.url === '/back' ? serve(req, res, seen) : tokenRegistry(redirectTo(elsewhere.url))(req, res, seen),
    );
    back.url = registry.url;
    await using up = connect(registry.url);
    expect((await bytesOf((await up.upstream.openBlob('a', blobDigest)).body)).equals(blob)).toBe(true);
    expect(registry.seen.at(-1)?.url).toBe('/back');
    expect(registry.seen.at(-1)?.headers.authorization).toBeUndefined();
  });

  it('is requested again for each opening, as signed URLs expire', async () => {
    await using cdn = await startScripted(serve);
    await using registry = await startScripted((req, res, seen) =>
      redirectTo(`${cdn.url}/signed-${seen.length}`)(req, res, seen),
    );
    await using up = connect(registry.url);
    for (const start of [0, 1_000]) await bytesOf((await up.upstream.openBlob('a', blobDigest, { start })).body);
    expect(cdn.lines()).toEqual(['GET /signed-1', 'GET /signed-2']);
  });

  it.each([301, 302, 303, 307, 308])('with status %i is followed with the same method', async (status) => {
    await using cdn = await startScripted(serve);
    await using registry = await startScripted(redirectTo(cdn.url, status));
    await using up = connect(registry.url);
    expect(await up.upstream.resolveBlob('a', blobDigest)).toEqual({ size: blob.length });
    expect(cdn.lines()).toEqual(['HEAD /']);
  });

  it('serves manifests as well', async () => {
    await using other = await startScripted(
      (_req, res) => void res.writeHead(200, { 'content-type': MANIFEST_TYPE }).end(manifest),
    );
    await using registry = await startScripted(redirectTo(`${other.url}/m`));
    await using up = connect(registry.url);
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
  });

  it.each([
    ['a loop', '/again', 'more than 5 redirects'],
    ['no location', '', 'without a usable Location'],
    ['an unusable location', 'http://[', 'without a usable Location'],
    ['another scheme', 'file:///etc/passwd', 'leads to file:'],
  ])('that is %s ends as a protocol error', async (_, location, message) => {
    await using registry = await startScripted(
      (_req, res) => void res.writeHead(307, { ...(location !== '' && { location }) }).end(),
    );
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.openBlob('a', blobDigest));
    expect(error.kind).toBe('protocol');
    expect(error.message).toContain(message);
    expect(registry.seen.length).toBeLessThanOrEqual(6);
  });
});

describe('a redirect target that refuses', () => {
  it.each([401, 403, 404])('with %i is requested once more, through the registry', async (status) => {
    await using cdn = await startScripted((req, res, seen) =>
      seen.length === 1 ? void res.writeHead(status).end() : serve(req, res, seen),
    );
    await using registry = await startScripted(redirectTo(cdn.url));
    await using up = connect(registry.url);
    expect((await bytesOf((await up.upstream.openBlob('a', blobDigest)).body)).equals(blob)).toBe(true);
    expect([registry.seen.length, cdn.seen.length]).toEqual([2, 2]);
  });

  it('with 503 is retried, through the registry', async () => {
    await using cdn = await startScripted((req, res, seen) =>
      seen.length === 1 ? void res.writeHead(503).end() : serve(req, res, seen),
    );
    await using registry = await startScripted(redirectTo(cdn.url));
    await using up = connect(registry.url);
    expect((await bytesOf((await up.upstream.openBlob('a', blobDigest)).body)).equals(blob)).toBe(true);
    expect([registry.seen.length, cdn.seen.length]).toEqual([2, 2]);
  });

  it('every time is named by its host, without its signed URL and message', async () => {
    await using cdn = await startScripted((_req, res) => sendError(res, 403, 'SIGNATURE', 'to sign: abc'));
    await using registry = await startScripted(redirectTo(`${cdn.url}/blob?signature=abc`));
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.openBlob('a', blobDigest));
    expect(error.kind).toBe('denied');
    expect(error.message).toBe(`up: 403 from ${new URL(cdn.url).host}`);
    expect(JSON.stringify([error.options, up.recorded])).not.toContain('abc');
  });
});
