import { isAbsolute } from 'node:path';

import type { Router } from 'express';

import type { BundleControl, ImportRequest } from '../operations/bundle-control.ts';
import { ControlError } from '../operations/control-error.ts';
import { rightsOf } from './guard.ts';
import { respond } from './respond.ts';

export function addBundleRoutes(router: Router, control: BundleControl): void {
  router.get(
    '/bundles',
    respond(async () => ({ bundles: await control.bundles() })),
  );
  router.delete(
    '/bundles',
    respond(({ body }) => control.forgetBundle(String((body as Record<string, unknown> | undefined)?.['id']))),
  );
  router.get(
    '/bundles/import',
    respond(() => control.importStatus()),
  );
  router.post(
    '/bundles/import',
    respond((request) => {
      if (!rightsOf(request).mayNameFiles) throw new ControlError('denied', NEEDS_TOKEN);
      return control.startImport(importRequest(request.body));
    }),
  );
  router.delete(
    '/bundles/import',
    respond(() => control.stopImport()),
  );
}

const NEEDS_TOKEN = 'an import over TCP requires a token (set admin.token or admin.tokenfile, or use the admin socket)';

/** @throws {ControlError} `invalid` */
function importRequest(body: unknown): ImportRequest {
  const { paths, pin = true, dryRun = false, key } = (body ?? {}) as Record<string, unknown>;
  const isPath = (path: unknown) => typeof path === 'string' && isAbsolute(path) && !path.includes('\0');
  if (!Array.isArray(paths) || paths.length === 0 || !paths.every(isPath))
    throw new ControlError('invalid', 'paths must be a list of absolute paths on the machine of the server');
  if (typeof pin !== 'boolean' || typeof dryRun !== 'boolean')
    throw new ControlError('invalid', 'pin and dryRun must be true or false');
  if (key !== undefined && typeof key !== 'string') throw new ControlError('invalid', 'key must be text in PEM');
  return { paths: paths as readonly string[], pin, dryRun, key };
}
