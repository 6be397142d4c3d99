import type { ContentEvent, ContentListener } from '../../registry/content-event.ts';
import type { Exchange } from './exchange.ts';
import { hostOf } from '../client/host-of.ts';
import type { BaseUrl } from '../client/locate.ts';

export type Notify = (event: ContentEvent) => Promise<void>;

/** The receiver of content events. */
export interface EventSink {
  readonly listener: ContentListener;
  /** Events need absolute URLs: their receiver has no address to resolve a relative one against. */
  readonly baseUrl: BaseUrl;
}

const DONE = Promise.resolve();
const IGNORE: Notify = () => DONE;

/** @param sink absent when notifications are off */
export function createNotify(sink: EventSink | undefined, exchange: Exchange): Notify {
  if (!sink) return IGNORE;
  const { listener, baseUrl } = sink;
  return (event) => {
    const { req, id, client, identity } = exchange;
    return listener(event, {
      requestId: id,
      client: client.name,
      host: hostOf(req),
      method: req.method ?? '',
      userAgent: req.headers['user-agent'],
      actor: identity.name,
      locate: (path) => baseUrl(req) + path,
    });
  };
}
