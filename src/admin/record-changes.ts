import type { Request, RequestHandler } from 'express';

import type { AdminEvents } from '../operations/admin-events.ts';
import { rightsOf } from './guard.ts';

/** Fields of bodies that name the changed content. Others may be secrets. */
const NAMES = ['name', 'names', 'pattern', 'patterns', 'digests', 'images', 'paths', 'id', 'upstream'] as const;
const MAX_LENGTH = 500;

/** Calls that are not a `GET` and change nothing, or are recorded elsewhere. */
const UNRECORDED = /^\/(?:check|session)$/;

export interface RecordChangesOptions {
  readonly events: AdminEvents;
  readonly addressOf: (request: Request) => string;
}

/** Reports each change once its response is out. To be used behind the guard, and behind the parser of bodies. */
export function recordChanges({ events, addressOf }: RecordChangesOptions): RequestHandler {
  return (request, response, next) => {
    const { method, path } = request;
    const body = (request.body ?? {}) as Readonly<Record<string, unknown>>;
    if (method === 'GET' || method === 'HEAD' || UNRECORDED.test(path) || body['dryRun'] === true) return next();
    const { user, by } = rightsOf(request);
    const change = { user, by, address: addressOf(request), action: `${method} ${path}`, target: targetOf(body) };
    response.once('finish', () => {
      if (response.statusCode < 400) events.changeMade(change);
    });
    next();
  };
}

function targetOf(body: Readonly<Record<string, unknown>>): string | undefined {
  const named = NAMES.map((key) => body[key]).filter((value) => typeof value === 'string' || Array.isArray(value));
  return named.length === 0 ? undefined : named.flat().join(' ').slice(0, MAX_LENGTH);
}
