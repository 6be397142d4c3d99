import type { Verification } from '../../verify/verify-name.ts';
import type { Clients } from '../client/client-address.ts';
import { connectionOf } from '../client/connection.ts';
import type { Exchange } from './exchange.ts';

/** A request for the image of a reserved name, after its response. */
export interface RecordedVerification extends Verification {
  /** ISO 8601. */
  readonly at: string;
  readonly address: string | undefined;
  readonly userAgent: string | undefined;
  readonly user: string;
  readonly isSecure: boolean;
  readonly method: string;
  readonly status: number;
}

export type RecordVerification = (exchange: Exchange, verification: Verification) => void;

/** Records each such request once, however often its name is looked up, also when it is refused. */
export function createRecordVerification(
  clients: Clients,
  record: (verification: RecordedVerification) => void,
): RecordVerification {
  const seen = new WeakSet<Exchange>();
  return (exchange, verification) => {
    if (seen.has(exchange)) return;
    seen.add(exchange);
    const { req, res, client } = exchange;
    const scheme = clients.forwarded(req).scheme ?? ('encrypted' in connectionOf(req) ? 'https' : 'http');
    res.once('close', () =>
      record({
        ...verification,
        at: new Date().toISOString(),
        address: client.address,
        userAgent: req.headers['user-agent'],
        user: exchange.identity.name,
        isSecure: scheme === 'https',
        method: req.method ?? '',
        status: res.statusCode,
      }),
    );
  };
}
