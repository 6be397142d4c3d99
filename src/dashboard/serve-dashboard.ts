import { fileURLToPath } from 'node:url';

import express, { type Request, type Response, type Router } from 'express';

import { type BuiltFile, readBuiltFiles } from './built-files.ts';
import { PAGE_HEADERS } from './page-headers.ts';

/** Where the dashboard is mounted, below the prefix of the registry. */
export const DASHBOARD_PATH = '/ui';

/** `npm run build` writes it next to the program. The same from the sources and from `dist/program`. */
const BUILT = fileURLToPath(new URL('../../dist/ui/', import.meta.url));

const IMMUTABLE = 'public, max-age=31536000, immutable';

/**
 * The files of the dashboard, to be mounted at {@link DASHBOARD_PATH}. They have no data, so that everyone may load them. The first request
 * reads them.
 *
 * @param directory that the dashboard was built to
 */
export function createDashboard(directory = BUILT): Router {
  let files: Promise<ReadonlyMap<string, BuiltFile>> | undefined;
  const router = express.Router();
  router.use(async (request, response) => {
    response.set(PAGE_HEADERS);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.status(405).set('allow', 'GET, HEAD').end();
      return;
    }
    files ??= readBuiltFiles(directory);
    const built = await files.catch(() => undefined);
    if (!built) files = undefined;
    serve(built ?? new Map(), request, response);
  });
  return router;
}

function serve(files: ReadonlyMap<string, BuiltFile>, request: Request, response: Response): void {
  const [at = '/'] = request.originalUrl.split('?', 1);
  const path = request.path.slice(1);
  if (path === '' && !at.endsWith('/')) {
    redirectBelow(at, response);
    return;
  }
  const isAsset = path.startsWith('assets/');
  const file = files.get(isAsset ? path : 'index.html');
  if (!file)
    sendText(
      response,
      isAsset ? 404 : 503,
      isAsset ? 'no such file' : 'the dashboard is not built (run npm run build)',
    );
  else if (isAsset) sendFile(file, request, response.set('cache-control', IMMUTABLE));
  else sendPage(file, path, response);
}

/** From `/ui` to `/ui/`, without the prefix, which may be that of a proxy. */
function redirectBelow(at: string, response: Response): void {
  response.set('location', `${at.slice(at.lastIndexOf('/') + 1)}/`);
  response.status(308).end();
}

/** The paths of its files are relative, so that it works below any prefix: from a deeper page they have to lead up. */
function sendPage({ type, bytes }: BuiltFile, path: string, response: Response): void {
  const up = '../'.repeat(path.split('/').length - 1);
  const html = bytes.toString().replaceAll('"./assets/', `"./${up}assets/`);
  response.set({ 'cache-control': 'no-cache', 'content-type': type }).send(html);
}

function sendFile({ type, bytes, gzipped }: BuiltFile, request: Request, response: Response): void {
  const isCompressed = request.acceptsEncodings('gzip', 'identity') === 'gzip';
  response.set({ 'content-type': type, vary: 'accept-encoding' });
  if (isCompressed) response.set('content-encoding', 'gzip');
  response.send(isCompressed ? gzipped : bytes);
}

function sendText(response: Response, status: number, text: string): void {
  response.status(status).set({ 'cache-control': 'no-store', 'content-type': 'text/plain; charset=utf-8' }).send(text);
}
