import express, { type Router } from 'express';

import { ControlError } from '../operations/control-error.ts';
import type { RecordingControl, RecordingRequest } from '../operations/recording-control.ts';
import { respond } from './respond.ts';

/** `/recordings`: what clients pull, as a lock. */
export function createRecordingRoutes(recordings: RecordingControl): Router {
  const router = express.Router();
  router.post(
    '/',
    respond(({ body }) => recordings.startRecording(recordingRequest(body))),
  );
  router.post(
    '/:name/stop',
    respond(({ params }) => recordings.stopRecording(String(params['name']))),
  );
  return router;
}

function recordingRequest(body: unknown): RecordingRequest {
  const { name, client, upstream, forMs } = (body ?? {}) as Record<string, unknown>;
  return {
    name: textOf('name', name) ?? '',
    client: textOf('client', client),
    upstream: textOf('upstream', upstream),
    forMs: forMs === undefined ? undefined : timeOf(forMs),
  };
}

function textOf(key: string, value: unknown): string | undefined {
  if (value !== undefined && typeof value !== 'string') throw new ControlError('invalid', `${key} must be text`);
  return value;
}

function timeOf(value: unknown): number {
  if (typeof value !== 'number' || !(value > 0)) throw new ControlError('invalid', 'forMs must be more than 0');
  return value;
}
