/**
 * The OCI distribution API over any registry, as a request handler.
 *
 * @module
 */
export type { FinishedRequest, RecordedError, RequestHandlerName } from '../http/v2/request-events.ts';
export type { ContentEvent, ContentListener, EventOrigin } from '../registry/content-event.ts';
export type { NamedBy } from '../registry/named-by.ts';
export {
  type AccessRequest,
  createHandler,
  type Handler,
  type HandlerEvents,
  type HandlerOptions,
} from './request-handler.ts';
