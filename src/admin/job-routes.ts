import express, { type Router } from 'express';

import type { JobControl, WarmRequest } from '../operations/job-control.ts';
import { ControlError } from '../operations/control-error.ts';
import { respond } from './respond.ts';

/** `/jobs`: long work on images. */
export function createJobRoutes(jobs: JobControl): Router {
  const router = express.Router();
  router.get(
    '/',
    respond(async () => ({ jobs: await jobs.jobs() })),
  );
  router.post(
    '/',
    respond(({ body }) => jobs.warm(warmRequest(body))),
  );
  router.get(
    '/:name',
    respond(({ params }) => jobs.job(nameOf(params))),
  );
  router.post(
    '/:name/run',
    respond(({ params }) => jobs.runJob(nameOf(params))),
  );
  router.post(
    '/:name/stop',
    respond(({ params }) => jobs.stopJob(nameOf(params))),
  );
  router.get(
    '/:name/preview',
    respond(async ({ params }) => ({ images: await jobs.previewSync(nameOf(params)) })),
  );
  // One line for each image that is done.
  router.get('/:name/images', async ({ params, query }, response) => {
    const images = await jobs.jobImages(nameOf(params), countOf(query['after']));
    response.type('application/x-ndjson').send(images.map((image) => `${JSON.stringify(image)}\n`).join(''));
  });
  return router;
}

function nameOf(params: Readonly<Record<string, unknown>>): string {
  return String(params['name']);
}

function countOf(value: unknown): number {
  const count = Number(value ?? 0);
  if (!Number.isSafeInteger(count) || count < 0) throw new ControlError('invalid', 'after must be 0 or more');
  return count;
}

function warmRequest(body: unknown): WarmRequest {
  const { images, platforms, referrers, pin } = (body ?? {}) as Record<string, unknown>;
  return {
    images: textsOf('images', images),
    platforms: textsOf('platforms', platforms),
    referrers: referrers === true,
    pin: pin === true,
  };
}

function textsOf(key: string, value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string'))
    throw new ControlError('invalid', `${key} must be a list of texts`);
  return value;
}
