import { z } from 'zod';
import { withDefault } from './defaults.ts';
import { ownTimer } from './duration.ts';
import { integer, size } from './number.ts';

const count = (description: string) => integer(`${description} \`0\`: no limit.`, { min: 0 });

export const limits = z
  .strictObject({
    headertimeout: withDefault(ownTimer('Longest time for all headers of a request, and for a TLS handshake.'), '60s'),
    stalltimeout: withDefault(
      ownTimer('Longest time without a byte sent or received in the middle of a request or a response.'),
      '2m',
    ),
    // Above the 60 s after which common load balancers drop idle connections, so that they close the connection first.
    idletimeout: withDefault(ownTimer('Longest time between two requests of a connection.'), '75s'),
    maxmanifestsize: withDefault(
      size(
        'Largest pushed manifest; at most 64 MiB, which `0` means as well. Manifests of upstreams may have up to 32 MiB.',
      ),
      '4MiB',
    ),
    maxblobsize: withDefault(size('Largest pushed blob, in any number of chunks. `0`: no limit.'), '0'),
    maxrequestsperclient: withDefault(
      count('Requests of one client in progress; an aborted one counts until its work ends.'),
      '1000',
    ),
    maxconnections: withDefault(count('Connections in total.'), '10000'),
    maxconnectionsperclient: withDefault(count('Connections of one address, unless it is a trusted proxy.'), '2500'),
  })
  .transform((raw) => ({
    headerMs: raw.headertimeout,
    stallMs: raw.stalltimeout,
    idleMs: raw.idletimeout,
    maxManifestBytes: raw.maxmanifestsize,
    maxBlobBytes: raw.maxblobsize,
    maxRequestsPerClient: raw.maxrequestsperclient,
    maxConnections: raw.maxconnections,
    maxConnectionsPerClient: raw.maxconnectionsperclient,
  }))
  .describe('Limits for clients.');
