import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { RegistryError } from '../../src/oci/errors.ts';
import { parseOciRequest } from '../../src/oci/request.ts';
import { codePoint } from '../support/code-point.ts';

const digest = digestOf(Buffer.from('x'));
const sha512 = digestOf(Buffer.from('x'), 'sha512');
const tagged = (tag: string) => ({ kind: 'tag', tag });
const digested = { kind: 'digest', digest };

const upload = (state: string | undefined) => ({ id: '1-2', state });
const started = (fields: object) => ({
  kind: 'start-upload',
  repository: 'app',
  mount: undefined,
  from: undefined,
  digest: undefined,
  algorithm: 'sha256',
  ...fields,
});

const parse = (line: string) => {
  const [method = '', url = ''] = line.split(' ');
  return parseOciRequest(method, url);
};

describe('a request line', () => {
  it.each([
    ['GET /v2/', { kind: 'ping' }],
    ['GET /v2', { kind: 'ping' }],
    ['HEAD /v2/', { kind: 'ping' }],
    ['GET /v2/_catalog', { kind: 'list-repositories', page: {} }],
    ['GET /v2/_catalog/?n=0', { kind: 'list-repositories', page: { n: 0 } }],
    ['GET /v2/app/tags/list', { kind: 'list-tags', repository: 'app', page: {} }],
    ['HEAD /v2/app/tags/list/?last=b&n=3', { kind: 'list-tags', repository: 'app', page: { n: 3, last: 'b' } }],
    ['GET /v2/app/manifests/1', { kind: 'get-manifest', repository: 'app', reference: tagged('1') }],
    ['HEAD /v2/a/b/manifests/1/', { kind: 'head-manifest', repository: 'a/b', reference: tagged('1') }],
    [`GET /v2/app/manifests/${digest}`, { kind: 'get-manifest', repository: 'app', reference: digested }],
    [`GET /v2/app/blobs/${digest}`, { kind: 'get-blob', repository: 'app', digest }],
    [`HEAD /v2/app/blobs/${digest}/`, { kind: 'head-blob', repository: 'app', digest }],
    [`GET /v2/app/blobs/${sha512}`, { kind: 'get-blob', repository: 'app', digest: sha512 }],
    [`GET /v2/app/blobs/${encodeURIComponent(digest)}`, { kind: 'get-blob', repository: 'app', digest }],
    [`GET /v2/a%2fb/blobs/${digest}`, { kind: 'get-blob', repository: 'a/b', digest }],
    [
      `GET /v2/app/referrers/${digest}?artifactType=a%2Fb`,
      { kind: 'list-referrers', repository: 'app', digest, artifactType: 'a/b', page: {} },
    ],
    [
      `GET /v2/app/referrers/${digest}?artifactType=`,
      { kind: 'list-referrers', repository: 'app', digest, artifactType: undefined, page: {} },
    ],
    ['OPTIONS /v2/app/manifests/1', { kind: 'list-methods', allowed: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'] }],
    ['OPTIONS /v2/app/blobs/uploads/', { kind: 'list-methods', allowed: ['POST', 'OPTIONS'] }],
    ['POST /v2/app/blobs/uploads/', started({})],
    ['POST /v2/app/blobs/uploads', started({})],
    [`POST /v2/app/blobs/uploads/?digest=${digest}`, started({ digest })],
    ['POST /v2/app/blobs/uploads/?digest-algorithm=sha512', started({ algorithm: 'sha512' })],
    [`POST /v2/app/blobs/uploads/?mount=${digest}&from=a%2Fb`, started({ mount: digest, from: 'a/b' })],
    [`POST /v2/app/blobs/uploads/?mount=${digest}`, started({ mount: digest })],
    ['POST /v2/app/blobs/uploads/?mount=guess&from=a', started({ from: 'a' })],
    ['GET /v2/app/blobs/uploads/1-2', { kind: 'get-upload', repository: 'app', upload: upload(undefined) }],
    ['HEAD /v2/app/blobs/uploads/1-2?_state=s', { kind: 'get-upload', repository: 'app', upload: upload('s') }],
    ['PATCH /v2/app/blobs/uploads/1-2?_state=s', { kind: 'append-upload', repository: 'app', upload: upload('s') }],
    ['DELETE /v2/app/blobs/uploads/1-2', { kind: 'cancel-upload', repository: 'app', upload: upload(undefined) }],
    [
      `PUT /v2/app/blobs/uploads/1-2?_state=s&digest=${digest}`,
      { kind: 'finish-upload', repository: 'app', upload: upload('s'), digest },
    ],
    [`DELETE /v2/app/blobs/${digest}`, { kind: 'delete-blob', repository: 'app', digest }],
    ['PUT /v2/app/manifests/1', { kind: 'put-manifest', repository: 'app', reference: tagged('1'), tags: [] }],
    [
      `PUT /v2/app/manifests/${digest}?tag=a&tag=b`,
      { kind: 'put-manifest', repository: 'app', reference: digested, tags: ['a', 'b'] },
    ],
    ['DELETE /v2/app/manifests/1', { kind: 'delete-manifest', repository: 'app', reference: tagged('1') }],
  ])('%s is parsed', (line, request) => {
    expect(parse(line)).toEqual({ request, sourceHost: undefined });
  });

  it.each([
    ['a/manifests/b', `/v2/a/manifests/b/manifests/x`],
    ['a/blobs/b', `/v2/a/blobs/b/manifests/x`],
    ['a/tags/list', `/v2/a/tags/list/manifests/x`],
    ['a/blobs/uploads', `/v2/a/blobs/uploads/manifests/x`],
    ['a/referrers/v2', `/v2/a/referrers/v2/manifests/x`],
    ['v2', `/v2/v2/manifests/x`],
    ['manifests', `/v2/manifests/manifests/x`],
    ['ghcr.io/a', `/v2/ghcr.io/a/manifests/x`],
    ['registry.corp:5000/a', `/v2/registry.corp:5000/a/manifests/x`],
    ['registry.corp:5000/a', `/v2/registry.corp%3A5000/a/manifests/x`],
  ])('is parsed from the right: the repository is %s in %s', (repository, url) => {
    const reference = tagged('x');
    expect(parseOciRequest('GET', url).request).toEqual({ kind: 'get-manifest', repository, reference });
  });

  it('contains the host of the ns parameter, decoded', () => {
    expect(parse('GET /v2/app/manifests/1?ns=docker.io').sourceHost).toBe('docker.io');
    expect(parse('GET /v2/app/manifests/1?x=1&ns=registry.corp%3A5000').sourceHost).toBe('registry.corp:5000');
    expect(parse('GET /v2/app/manifests/1?ns=').sourceHost).toBe('');
  });

  it.each([
    ['NAME_INVALID', 400, 'GET /v2/App/manifests/1'],
    ['NAME_INVALID', 400, 'GET /v2/a//b/manifests/1'],
    ['NAME_INVALID', 400, 'GET /v2//manifests/1'],
    ['NAME_INVALID', 400, 'GET /v2/tags/list'],
    ['NAME_INVALID', 400, 'GET /v2/a/../b/manifests/1'],
    ['NAME_INVALID', 400, 'GET /v2/../b/manifests/1'],
    ['NAME_INVALID', 400, 'GET /v2/%2e%2e/b/manifests/1'],
    ['NAME_INVALID', 400, 'GET /v2/./b/manifests/1'],
    ['NAME_INVALID', 400, 'GET /v2/-a/b/manifests/1'],
    ['NAME_INVALID', 400, 'GET /v2/a/_manifests/manifests/1'],
    ['NAME_INVALID', 400, 'GET /v2/a%00b/manifests/1'],
    ['NAME_INVALID', 400, 'GET /v2/a%/manifests/1'],
    ['NAME_INVALID', 400, 'GET /v2/%C3/manifests/1'],
    ['NAME_INVALID', 400, 'GET /v2/%E2%80%8B/manifests/1'],
    ['MANIFEST_UNKNOWN', 404, 'GET /v2/a/manifests/.x'],
    ['MANIFEST_UNKNOWN', 404, 'HEAD /v2/a/manifests/.x'],
    ['MANIFEST_UNKNOWN', 404, 'DELETE /v2/a/manifests/.x'],
    ['TAG_INVALID', 400, 'PUT /v2/a/manifests/.x'],
    ['MANIFEST_UNKNOWN', 404, 'GET /v2/a/manifests/a+b'],
    ['MANIFEST_UNKNOWN', 404, `GET /v2/a/manifests/${'x'.repeat(129)}`],
    ['DIGEST_INVALID', 400, 'GET /v2/a/manifests/sha256:12'],
    ['DIGEST_INVALID', 400, `GET /v2/a/manifests/${digest.toUpperCase()}`],
    ['DIGEST_INVALID', 400, 'GET /v2/a/blobs/latest'],
    ['DIGEST_INVALID', 400, `GET /v2/a/blobs/${digest}0`],
    ['DIGEST_INVALID', 400, `GET /v2/a/blobs/md5:${'0'.repeat(32)}`],
    ['DIGEST_INVALID', 400, 'GET /v2/a/referrers/latest'],
    ['PAGINATION_NUMBER_INVALID', 400, 'GET /v2/a/tags/list?n=-1'],
    ['PAGINATION_NUMBER_INVALID', 400, 'GET /v2/a/tags/list?n=x'],
    ['PAGINATION_NUMBER_INVALID', 400, 'GET /v2/_catalog?n=1e3'],
    ['PAGINATION_NUMBER_INVALID', 400, 'GET /v2/_catalog?n=99999999999999999999'],
    ['UNSUPPORTED', 404, 'GET /v2/a'],
    ['UNSUPPORTED', 404, 'GET /v2/a/tags'],
    ['UNSUPPORTED', 404, 'GET /v2/a/tags/other'],
    ['UNSUPPORTED', 404, 'GET /v2/a/_catalog'],
    ['UNSUPPORTED', 404, 'GET /v2/manifests/1/2'],
    ['UNSUPPORTED', 404, 'GET /v2//'],
    ['UNSUPPORTED', 405, 'POST /v2/a/manifests/1'],
    ['UNSUPPORTED', 405, `PUT /v2/a/blobs/${digest}`],
    ['UNSUPPORTED', 405, 'GET /v2/a/blobs/uploads/'],
    ['UNSUPPORTED', 405, 'POST /v2/a/blobs/uploads/1-2'],
    ['DIGEST_INVALID', 400, 'PUT /v2/a/blobs/uploads/1-2'],
    ['DIGEST_INVALID', 400, 'PUT /v2/a/blobs/uploads/1-2?digest=sha256:1'],
    ['DIGEST_INVALID', 400, 'POST /v2/a/blobs/uploads/?digest=sha256:1'],
    ['DIGEST_INVALID', 400, 'POST /v2/a/blobs/uploads/?digest-algorithm=md5'],
    ['TAG_INVALID', 400, `PUT /v2/a/manifests/${digest}?tag=.x`],
    ['TAG_INVALID', 400, `PUT /v2/a/manifests/${digest}?tag=${digest}`],
    ['UNSUPPORTED', 405, 'POST /v2/'],
    ['UNSUPPORTED', 405, 'get /v2/'],
  ])('is rejected with %s and %i: %s', (code, status, line) => {
    expect(() => parse(line)).toThrow(expect.objectContaining({ code, status }));
  });

  it('with an unsupported method is rejected with the supported ones', () => {
    const allow = 'GET, HEAD, OPTIONS';
    expect(() => parse('PUT /v2/a/tags/list')).toThrow(expect.objectContaining({ options: { headers: { allow } } }));
  });

  it('may have a name of 255 characters, but not of 256', () => {
    const name = `${'a'.repeat(127)}/${'b'.repeat(127)}`;
    expect(parseOciRequest('GET', `/v2/${name}/manifests/1`).request).toMatchObject({ repository: name });
    expect(() => parseOciRequest('GET', `/v2/${name}b/manifests/1`)).toThrow(RegistryError);
  });

  it('is parsed for every name and reference that the spec allows', () => {
    const component = fc.stringMatching(/^[a-z0-9]{1,6}((\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}$/);
    const word = fc.constantFrom('blobs', 'manifests', 'tags', 'list', 'uploads', 'referrers', 'v2');
    const name = fc.array(fc.oneof(component, word), { minLength: 1, maxLength: 8 }).map((parts) => parts.join('/'));
    const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
    fc.assert(
      fc.property(name, tag, fc.boolean(), (repository, reference, slash) => {
        const url = `/v2/${repository}/manifests/${reference}${slash ? '/' : ''}`;
        const kind = 'get-manifest';
        expect(parseOciRequest('GET', url).request).toEqual({ kind, repository, reference: tagged(reference) });
      }),
    );
  });

  it('is parsed or rejected with a RegistryError, for random text', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '/',
        '/v2/',
        'blobs',
        'manifests',
        'tags/list',
        '_catalog',
        '..',
        '%',
        '%2F',
        '%00',
        '?',
        '&',
        '=',
        'n',
      ),
      fc.constantFrom('ns', 'last', digest, 'uploads', 'referrers', 'library/app'),
      fc.string({ unit: codePoint, maxLength: 5 }),
    );
    const method = fc.oneof(fc.constantFrom('GET', 'HEAD', 'OPTIONS', 'PUT'), fc.string());
    fc.assert(
      fc.property(method, fc.array(piece), (verb, pieces) => {
        try {
          parseOciRequest(verb, `/v2/${pieces.join('')}`);
        } catch (err) {
          expect(err).toBeInstanceOf(RegistryError);
          expect((err as RegistryError).status).toBeLessThan(500);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
