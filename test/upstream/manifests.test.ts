import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { MANIFEST_MEDIA_TYPES } from '../../src/oci/media-types.ts';
import { MAX_MANIFEST_BYTES } from '../../src/upstream/upstream.ts';
import { connect, failureOf } from './support/connect.ts';
import { BY_DIGEST, LATEST, MANIFEST_TYPE, manifest, manifestDigest } from './support/samples.ts';
import { type Script, sendError, startScripted } from './support/scripted-server.ts';

const good: Script = (req, res) => {
  res.writeHead(200, {
    'content-type': `${MANIFEST_TYPE}; charset=utf-8`,
    'docker-content-digest': manifestDigest,
    'content-length': manifest.length,
  });
  res.end(req.method === 'HEAD' ? undefined : manifest);
};

describe('resolving a manifest', () => {
  it('takes one HEAD, and no GET', async () => {
    await using registry = await startScripted(good);
    await using up = connect(registry.url);
    expect(await up.upstream.resolveManifest('library/a', LATEST)).toEqual({
      digest: manifestDigest,
      mediaType: MANIFEST_TYPE,
      size: manifest.length,
    });
    expect(registry.lines()).toEqual(['HEAD /v2/library/a/manifests/latest']);
  });

  it('accepts every type of manifest, unencoded, and sends its User-Agent', async () => {
    await using registry = await startScripted(good);
    await using up = connect(registry.url);
    await up.upstream.resolveManifest('a', LATEST);
    const headers = registry.seen[0]?.headers;
    expect(headers?.accept?.split(', ')).toEqual([...MANIFEST_MEDIA_TYPES, '*/*']);
    expect(headers?.['accept-encoding']).toBe('identity');
    expect(headers?.['user-agent']).toBe('layover/1.2.3');
    expect(headers?.authorization).toBeUndefined();
  });

  it('keeps the path of its URL', async () => {
    await using registry = await startScripted(good);
    await using up = connect(`${registry.url}/artifactory/docker-remote`);
    await up.upstream.resolveManifest('a', BY_DIGEST);
    expect(registry.lines()).toEqual([`HEAD /artifactory/docker-remote/v2/a/manifests/${manifestDigest}`]);
  });

  it.each([400, 404, 405, 501])('falls back to GET when HEAD returns %i', async (status) => {
    await using registry = await startScripted((req, res, seen) =>
      req.method === 'HEAD' ? void res.writeHead(status).end() : good(req, res, seen),
    );
    await using up = connect(registry.url);
    const resolved = await up.upstream.resolveManifest('a', LATEST);
    expect(resolved).toMatchObject({ digest: manifestDigest, mediaType: MANIFEST_TYPE, size: manifest.length });
    expect(resolved.fetched?.bytes).toEqual(manifest);
    expect(up.events('bytesReceived')).toMatchObject([{ kind: 'manifest', bytes: manifest.length }]);
  });

  it.each([undefined, 'sha256:short', 'md5:d41d8cd98f00b204e9800998ecf8427e'])(
    'falls back to GET, and hashes, when HEAD claims the digest %j',
    async (claimed) => {
      await using registry = await startScripted((req, res) => {
        res.writeHead(200, { 'content-type': MANIFEST_TYPE, ...(claimed && { 'docker-content-digest': claimed }) });
        res.end(req.method === 'HEAD' ? undefined : manifest);
      });
      await using up = connect(registry.url);
      const resolved = await up.upstream.resolveManifest('a', LATEST);
      expect(resolved.digest).toBe(manifestDigest);
      expect(resolved.fetched?.claimedDigest).toBeUndefined();
    },
  );

  it('uses the requested digest, not another one in the header', async () => {
    await using registry = await startScripted((_req, res) => {
      const other = digestOf(Buffer.from('other'));
      res.writeHead(200, { 'content-type': MANIFEST_TYPE, 'docker-content-digest': other }).end();
    });
    await using up = connect(registry.url);
    expect((await up.upstream.resolveManifest('a', BY_DIGEST)).digest).toBe(manifestDigest);
  });

  it.each(['docker-ratelimit', 'mirror'])(
    'does not repeat a 404 as GET at a host that serves HEAD: %s',
    async (why) => {
      const missing: Script = (_req, res) => {
        if (why === 'docker-ratelimit') res.setHeader('ratelimit-limit', '100;w=21600');
        sendError(res, 404, 'MANIFEST_UNKNOWN', 'manifest unknown');
      };
      await using registry = await startScripted(missing);
      await using mirror = await startScripted(missing);
      await using up = connect(registry.url, { mirrors: [mirror.url] });
      expect((await failureOf(up.upstream.resolveManifest('a', LATEST))).kind).toBe('not-found');
      expect(mirror.lines()).toEqual(['HEAD /v2/a/manifests/latest']);
      expect(registry.lines().slice(0, 1)).toEqual(['HEAD /v2/a/manifests/latest']);
      expect(registry.seen).toHaveLength(why === 'mirror' ? 2 : 1);
    },
  );

  it('is not-found only when GET returns 404 too', async () => {
    await using registry = await startScripted((_req, res) =>
      sendError(res, 404, 'MANIFEST_UNKNOWN', 'manifest unknown'),
    );
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.resolveManifest('a', LATEST));
    expect(error.kind).toBe('not-found');
    expect(error.message).toBe('up: 404 MANIFEST_UNKNOWN: manifest unknown');
    expect(error.options).toMatchObject({ upstream: 'up', status: 404, code: 'MANIFEST_UNKNOWN' });
    expect(registry.lines()).toEqual(['HEAD /v2/a/manifests/latest', 'GET /v2/a/manifests/latest']);
  });
});

describe('fetching a manifest', () => {
  it('returns the received bytes, without verifying the digest', async () => {
    const claimed = digestOf(Buffer.from('other'));
    await using registry = await startScripted((_req, res) => {
      res.writeHead(200, { 'content-type': 'Application/JSON', 'docker-content-digest': claimed }).end(manifest);
    });
    await using up = connect(registry.url);
    const fetched = await up.upstream.fetchManifest('a', BY_DIGEST);
    expect(fetched).toEqual({ bytes: manifest, mediaType: 'application/json', claimedDigest: claimed });
  });

  it('finds the media type inside when no header has it', async () => {
    await using registry = await startScripted((_req, res) => void res.writeHead(200).end(manifest));
    await using up = connect(registry.url);
    expect((await up.upstream.fetchManifest('a', LATEST)).mediaType).toBe(MANIFEST_TYPE);
  });

  it('stops reading one that is too large', async () => {
    let written = 0;
    await using registry = await startScripted((_req, res) => {
      res.writeHead(200, { 'content-type': MANIFEST_TYPE });
      const more = () => {
        while (!res.destroyed && res.write(Buffer.alloc(256 * 1024))) written += 256 * 1024;
      };
      res.on('drain', more);
      more();
    });
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST));
    expect(error.kind).toBe('protocol');
    expect(error.message).toContain(`larger than ${MAX_MANIFEST_BYTES} bytes`);
    expect(written).toBeLessThan(10 * MAX_MANIFEST_BYTES);
  });

  it('retries when the body breaks off', async () => {
    await using registry = await startScripted((req, res, seen) => {
      if (seen.length > 1) return good(req, res, seen);
      res.writeHead(200, { 'content-type': MANIFEST_TYPE, 'content-length': manifest.length });
      res.write(manifest.subarray(0, 10), () => res.destroy());
    });
    await using up = connect(registry.url);
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
    expect(registry.seen).toHaveLength(2);
    expect(up.events('retried')).toMatchObject([{ operation: 'manifest', reason: 'network' }]);
  });
});

describe('the rate limit', () => {
  it('is reported and kept, and unknown when a response has none', async () => {
    const headers = [{ 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' }, {}];
    await using registry = await startScripted((req, res, seen) => {
      for (const [name, value] of Object.entries(headers[seen.length - 1] ?? {})) res.setHeader(name, value);
      good(req, res, seen);
    });
    await using up = connect(registry.url);
    expect(up.upstream.status()).toEqual({ breaker: 'closed' });
    await up.upstream.resolveManifest('a', LATEST);
    const rateLimit = { limit: 100, remaining: 76, windowSeconds: 21_600 };
    expect(up.upstream.status()).toEqual({ breaker: 'closed', rateLimit });
    const event = { event: 'rateLimited', upstream: 'up', account: 'anonymous' };
    expect(up.events('rateLimited')).toEqual([{ ...event, ...rateLimit }]);
    await up.upstream.resolveManifest('a', LATEST);
    expect(up.upstream.status()).toEqual({ breaker: 'closed' });
  });

  it('is that of the account whose credentials were sent', async () => {
    await using registry = await startScripted((req, res, seen) => {
      if (req.headers.authorization === undefined) {
        return void res.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      }
      res.setHeader('ratelimit-remaining', '200;w=21600');
      good(req, res, seen);
    });
    await using up = connect(registry.url, { credentials: [{ kind: 'static', username: 'ci', password: 'secret' }] });
    await up.upstream.resolveManifest('a', LATEST);
    expect(up.events('rateLimited')).toMatchObject([{ account: 'ci', remaining: 200 }]);
  });
});
