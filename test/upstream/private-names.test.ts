import { describe, expect, it } from 'vitest';

import { connect } from './support/connect.ts';
import { LATEST, MANIFEST_TYPE, manifest, manifestDigest } from './support/samples.ts';
import { type Script, startScripted } from './support/scripted-server.ts';

const good: Script = (req, res) => {
  res.writeHead(200, {
    'content-type': MANIFEST_TYPE,
    'docker-content-digest': manifestDigest,
    'content-length': manifest.length,
  });
  res.end(req.method === 'HEAD' ? undefined : manifest);
};

/** The page of a sign-in in front of a registry. */
const signIn: Script = (req, res) => {
  res.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-length': 6 });
  res.end(req.method === 'HEAD' ? undefined : '<html>');
};

describe('private repositories', () => {
  it('are not named to mirrors by jobs, which use the account of a group', async () => {
    await using registry = await startScripted(good);
    await using mirror = await startScripted(good);
    const account = { kind: 'static', username: 'acmebot', password: 'secret', groups: ['acme'], for: ['acme/**'] };
    await using up = connect(registry.url, { mirrors: [mirror.url], credentials: [account as never] });
    await up.upstream.resolveManifest('acme/app', LATEST);
    expect(mirror.lines()).toEqual([]);
    await up.upstream.resolveManifest('library/app', LATEST);
    expect(mirror.lines()).toEqual(['HEAD /v2/library/app/manifests/latest']);
  });

  it.each([
    { kind: 'manifest', reference: LATEST } as const,
    { kind: 'blob', digest: manifestDigest } as const,
    { kind: 'tags' } as const,
  ])('are not public because of a page for people: $kind', async (wanted) => {
    await using page = await startScripted(signIn);
    await using redirecting = await startScripted((_req, res) => {
      res.writeHead(302, { location: `${page.url}/sign-in`, 'content-length': 0 }).end();
    });
    for (const { url } of [page, redirecting]) {
      await using up = connect(url);
      const checked = up.upstream.checkAccess('acme/app', wanted, { login: 'anonymous' });
      expect(await checked.catch(() => 'failed')).not.toBe('granted');
    }
  });
});
