import { isDigest } from '../../src/oci/digest.ts';
import { type Answer, type Exchange, jsonAnswer, textAnswer } from './exchange.ts';
import { requestUrl } from './hub-requests.ts';
import type { HubState } from './hub-state.ts';
import { ACCEPT_MANIFESTS, MEDIA_TYPES } from './media-types.ts';

const SERVICE = 'registry.docker.io';

/** registry-1.docker.io */
export async function answerRegistry(hub: HubState, exchange: Exchange): Promise<Answer> {
  const { kind, path, repository, query } = exchange.logged;
  if (hub.abuseLimit.isExceeded()) return textAnswer(429, 'Too Many Requests\n');
  switch (kind) {
    case 'unauthorized':
      return challenge(hub, repository);
    case 'ping':
      return jsonAnswer(200, {}, { 'docker-distribution-api-version': 'registry/2.0' });
    case 'manifest-get':
    case 'manifest-head':
      return manifest(hub, exchange);
    case 'blob-get':
    case 'blob-head':
      return blob(hub, exchange);
    case 'referrers':
      return referrers(hub, exchange);
    case 'tags':
      return hub.backend.ask('GET', `${path}?${query.toString()}`);
    default:
      return specError(404, 'UNSUPPORTED', 'no such endpoint');
  }
}

/** production.cloudflare.docker.com: knows signatures, not tokens. */
export async function answerCdn(hub: HubState, { req, logged }: Exchange): Promise<Answer> {
  if (logged.authorization !== 'none') return textAnswer(400, 'Only one auth mechanism allowed');
  const signed = hub.signedUrls.check(logged.path, logged.query);
  if (signed === undefined) return textAnswer(403, 'Request has expired');
  const range = logged.range === undefined ? {} : { range: logged.range };
  const path = `/v2/${signed.repository}/blobs/${signed.digest}`;
  const answer = await hub.backend.ask(req.method === 'HEAD' ? 'HEAD' : 'GET', path, range);
  const { 'docker-content-digest': _, 'docker-distribution-api-version': _2, ...headers } = answer.headers ?? {};
  return { ...answer, headers };
}

/** auth.docker.io */
export function answerToken(hub: HubState, { req, logged }: Exchange): Answer {
  if (logged.path !== '/token' || req.method !== 'GET') return textAnswer(404, 'no such endpoint');
  if (logged.query.get('service') !== SERVICE) return jsonAnswer(400, { details: 'unknown service' });
  const scopes = logged.query.getAll('scope').flatMap((scope) => scope.split(' '));
  const { status, body } = hub.tokens.issue(scopes, req.headers.authorization);
  return jsonAnswer(status, body);
}

function challenge(hub: HubState, repository: string | undefined): Answer {
  const scope = repository === undefined ? '' : `,scope="repository:${repository}:pull"`;
  const bearer = `Bearer realm="${hub.tokenUrl}",service="${SERVICE}"${scope}`;
  return specError(401, 'UNAUTHORIZED', 'authentication required', {
    'www-authenticate': hub.options.challenge === 'basic' ? 'Basic realm="registry"' : bearer,
    'docker-distribution-api-version': 'registry/2.0',
  });
}

async function manifest(hub: HubState, { req, logged }: Exchange): Promise<Answer> {
  const { repository = '', reference = '' } = logged;
  const limit = hub.limitOf(req.headers.authorization);
  if (req.method === 'GET' && limit.spent) {
    const { body, ...refusal } = limit.answer();
    return textAnswer(refusal.status, body, refusal.headers);
  }
  const digest = hub.resolve(repository, reference);
  if (digest === undefined) return specError(404, 'MANIFEST_UNKNOWN', 'manifest unknown', limit.headers());
  const method = req.method === 'HEAD' ? 'HEAD' : 'GET';
  const answer = await hub.backend.ask(method, `/v2/${repository}/manifests/${digest}`, { accept: ACCEPT_MANIFESTS });
  const isIndex = /index|list/.test(answer.headers?.['content-type'] ?? '');
  if (method === 'GET' && answer.status === 200 && (hub.options.countsIndexes || !isIndex)) limit.count();
  return { ...answer, headers: { ...answer.headers, ...limit.headers() } };
}

async function blob(hub: HubState, { req, logged }: Exchange): Promise<Answer> {
  const { repository = '', reference = '', range } = logged;
  const path = `/v2/${repository}/blobs/${reference}`;
  const method = req.method === 'HEAD' ? 'HEAD' : 'GET';
  if (!hub.options.redirectBlobs) return hub.backend.ask(method, path, range === undefined ? {} : { range });
  const { status } = await hub.backend.ask('HEAD', path);
  if (status !== 200 || !isDigest(reference)) return specError(404, 'BLOB_UNKNOWN', 'blob unknown to registry');
  return { status: 307, headers: { location: `${hub.cdnUrl}${hub.signedUrls.sign(repository, reference)}` } };
}

function referrers(hub: HubState, { req, logged }: Exchange): Answer {
  const { reference = '' } = logged;
  if (!hub.options.referrers || !isDigest(reference)) return specError(404, 'NAME_UNKNOWN', 'no referrers here');
  const artifactType = requestUrl(req).searchParams.get('artifactType');
  const all = hub.images.referrers.get(reference) ?? [];
  const manifests = all.filter((it) => artifactType === null || it.artifactType === artifactType);
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.oci.index, manifests };
  const filtered: Record<string, string> = artifactType === null ? {} : { 'oci-filters-applied': 'artifactType' };
  return jsonAnswer(200, index, { 'content-type': MEDIA_TYPES.oci.index, ...filtered });
}

function specError(status: number, code: string, message: string, headers: Record<string, string> = {}): Answer {
  return jsonAnswer(status, { errors: [{ code, message, detail: null }] }, headers);
}
