import type { CredentialsConfig } from '../../../src/config/config.ts';
import { MANIFEST_TYPE, manifest, manifestDigest } from './samples.ts';
import { type Script, sendError, sendJson, startScripted } from './scripted-server.ts';

export const credentials: CredentialsConfig[] = [{ kind: 'static', username: 'jack', password: 'pa:ss' }];
export const BASIC = `Basic ${Buffer.from('jack:pa:ss').toString('base64')}`;

export const sendManifest: Script = (req, res) => {
  res.writeHead(200, { 'content-type': MANIFEST_TYPE, 'docker-content-digest': manifestDigest });
  res.end(req.method === 'HEAD' ? undefined : manifest);
};

/** A token server that issues `t1`, `t2`, … */
export const startTokens = (fields: object = { expires_in: 300 }) =>
  startScripted((_req, res, seen) => sendJson(res, 200, { token: `t${seen.length}`, ...fields }));

/** Accepts requests with a token that `isGood`, and challenges others with `realm`. */
export function guarded(realm: () => string, isGood: (token: string) => boolean = () => true): Script {
  return (req, res, seen) => {
    const token = /^Bearer (.+)$/.exec(req.headers.authorization ?? '')?.[1];
    if (token !== undefined && isGood(token)) return sendManifest(req, res, seen);
    const repository = /^\/v2\/(.+)\/manifests\//.exec(req.url ?? '')?.[1];
    const error = token === undefined ? '' : ',error="invalid_token"';
    res.setHeader(
      'www-authenticate',
      `Bearer realm="${realm()}",service="reg",scope="repository:${repository}:pull"${error}`,
    );
    sendError(res, 401, 'UNAUTHORIZED', 'authentication required');
  };
}
