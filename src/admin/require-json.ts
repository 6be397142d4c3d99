import type { RequestHandler } from 'express';

import { ControlError } from '../operations/control-error.ts';

const JSON_TYPE = /^application\/json[ \t]*(?:;|$)/i;

/**
 * A web page in a browser can send requests to addresses of the user's machine, but not with this content type, unless the server
 * allows it. Requests without a body need it as well.
 */
export const requireJson: RequestHandler = ({ method, headers }, _response, next) => {
  const changes = method !== 'GET' && method !== 'HEAD';
  if (changes && !JSON_TYPE.test(headers['content-type'] ?? ''))
    throw new ControlError('invalid', 'the content type must be application/json');
  next();
};
