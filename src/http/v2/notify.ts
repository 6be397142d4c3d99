import type { ContentEvent, ContentListener } from '../../registry/content-event.ts';
import type { Exchange } from './exchange.ts';
import { hostOf } from '../client/host-of.ts';
import type { BaseUrl } from '../client/locate.ts';

export type Notify = (event: ContentEvent) => Promise<void>;

/** Who is told what clients do to content. */
export interface Listening {
  readonly listener: ContentListener;
  /** Whoever is told is no client of ours, and has no address to resolve a relative URL against. */
  readonly baseUrl: BaseUrl;
}

const DONE = Promise.resolve();
const TO_NOBODY: Notify = () => DONE;

/** Tells others what a request does to content. */
export function createNotify(listening: Listening | undefined, exchange: Exchange): Notify {
  if (!listening) return TO_NOBODY;
  const { listener, baseUrl } = listening;
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
