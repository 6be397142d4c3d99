import { z } from 'zod';
import type { Immutable } from '../immutable.ts';
import { type Listen, parseHttpUrl, parseTcpAddress } from '../units.ts';
import { hosts, httpUrl, network, tcpAddress } from './address.ts';
import { otherwise, withDefault } from './defaults.ts';
import { timer } from './duration.ts';
import { headers } from './header.ts';
import { limits } from './http-limits.ts';
import { tls } from './http-tls.ts';
import { bool } from './number.ts';
import { scalar } from './scalar.ts';
import { choice, matching, secret, text } from './text.ts';

const MAX_WORKERS = 64;

const prometheus = z
  .strictObject({
    enabled: withDefault(bool('Serve metrics.'), 'false'),
    path: withDefault(
      matching('Path of the metrics.', { pattern: /^\/\S*$/, expected: 'must start with /', format: 'path' }),
      '/metrics',
    ),
  })
  .describe('Metrics for Prometheus.');

const debug = z
  .strictObject({
    addr: tcpAddress(
      'Address of the debug server: health, metrics, [`/debug/vars` and profiles](observability.md#debug-server). Only profiles need a token.',
    ).optional(),
    hosts: hosts(
      'More names and addresses in `Host` under which it is served ([defaults](observability.md#who-gets-which-page)).',
    ).optional(),
    prometheus: prometheus.prefault({}),
  })
  .transform(({ addr, hosts: more = [], prometheus: { enabled, path } }) =>
    addr === undefined ? undefined : { listen: addr, hosts: more, prometheusPath: enabled ? path : undefined },
  )
  .describe('Health and metrics on a separate address.');

const prefix = matching('Path before `/v2/`; starts and ends with `/`.', {
  pattern: /^\/(?:[^\s?#]*\/)?$/,
  expected: 'must start and end with /',
  format: 'path',
});

const HEADERS_DESCRIPTION = [
  'Added to every response below `/v2/`.',
  'With `Access-Control-Allow-Origin`, preflights (`OPTIONS`) get 204 without credentials.',
  'A header that is set here replaces the built-in one of `X-Content-Type-Options: nosniff`,',
  "`Content-Security-Policy: default-src 'none'; sandbox` and `Content-Disposition`",
  '([reasons](decisions/065-content-is-not-shown-by-browsers.md)).',
].join(' ');

const SECRET_DESCRIPTION = [
  'Signs the URLs of uploads.',
  'Set the same on all replicas, so that a push can continue at any of them; replicas that share Redis need none.',
].join(' ');

const RELATIVE_DESCRIPTION = '`true`: `Location` headers without scheme and host; `false`: always with both.';

const workers = scalar(
  'Processes that serve clients on the address, as one service ([which requests, and limits](operating.md#workers)). `auto`: one for each core, at most 8. `1`: the service is one process.',
  {
    reads: 'yaml',
    expected: `must be auto or a whole number from 1 to ${MAX_WORKERS}`,
    json: { type: ['integer', 'string'], minimum: 1, maximum: MAX_WORKERS } as unknown as z.core.JSONSchema.BaseSchema,
    format: 'number or auto',
    parse: parseWorkers,
  },
);

function parseWorkers(value: string): number | 'auto' | undefined {
  if (value.toLowerCase() === 'auto') return 'auto';
  const count = /^\d{1,3}$/.test(value) ? Number(value) : 0;
  return count >= 1 && count <= MAX_WORKERS ? count : undefined;
}

const socketMode = matching('Permissions of a unix socket, such as `"0660"`.', {
  pattern: /^0?[0-7]{3}$/,
  expected: 'must be octal permissions such as "0660"',
  format: 'octal',
});

const keys = z.strictObject({
  addr: withDefault(
    text('Address to listen on: `:5000`, `127.0.0.1:5000`, `[::1]:5000`; a socket path with `net: unix`.'),
    ':5000',
  ),
  net: withDefault(choice('Kind of address.', ['tcp', 'unix']), 'tcp'),
  workers: withDefault(workers, '1'),
  prefix: withDefault(prefix, '/'),
  host: httpUrl(
    'How clients reach the registry, such as `https://registry.example.com`; for `Location` headers.',
  ).optional(),
  trustedproxies: otherwise(
    z
      .array(network('An address, a network, or unix.'))
      .describe(
        'Addresses and networks (`10.0.0.0/8`, `fd00::1`; `unix` for a unix socket) whose `Forwarded` and `X-Forwarded-*` headers count.',
      ),
    'none',
  ),
  relativeurls: otherwise(bool(RELATIVE_DESCRIPTION), 'with both if `http.host` or a trusted proxy provides them'),
  secret: otherwise(secret(SECRET_DESCRIPTION), 'random at startup'),
  headers: headers().describe(HEADERS_DESCRIPTION).optional(),
  draintimeout: withDefault(
    timer("How long requests in progress may take after SIGTERM. `0`: they are cut, as with distribution's default."),
    '30s',
  ),
  draindelay: withDefault(
    timer('How long requests are still served after SIGTERM while `/readyz` returns 503; before `draintimeout`.'),
    '0',
  ),
  tls: tls.prefault({}),
  http2: z
    .strictObject({ disabled: withDefault(bool('`true`: no HTTP/2 with TLS.'), 'false') })
    .describe('HTTP/2 with TLS.')
    .prefault({}),
  h2c: z
    .strictObject({
      enabled: withDefault(bool('`true`: HTTP/2 without TLS as well, by prior knowledge.'), 'false'),
    })
    .describe('HTTP/2 without TLS.')
    .prefault({}),
  socketmode: otherwise(socketMode, 'from the umask'),
  limits: limits.prefault({}),
  debug: debug.prefault({}),
});

export const http = keys.transform(toHttp).describe('How clients connect to the registry.');

function toHttp(raw: z.output<typeof keys>) {
  return {
    listen: toListen(raw),
    workers: raw.workers,
    prefix: raw.prefix,
    host: raw.host === undefined ? undefined : parseHttpUrl(raw.host)?.origin,
    relativeUrls: raw.relativeurls,
    trustedProxies: raw.trustedproxies ?? [],
    secret: raw.secret || undefined,
    headers: raw.headers ?? {},
    drainTimeoutMs: raw.draintimeout,
    drainDelayMs: raw.draindelay,
    tls: raw.tls,
    /** With TLS, and without it by prior knowledge. */
    http2: { secure: !raw.http2.disabled, cleartext: raw.h2c.enabled },
    limits: raw.limits,
    socketMode: raw.socketmode === undefined ? undefined : Number.parseInt(raw.socketmode, 8),
    debug: raw.debug,
  };
}

/** A wrong TCP address is reported by `findConflicts`. */
function toListen({ addr, net }: Pick<z.output<typeof keys>, 'addr' | 'net'>): Listen {
  if (net === 'unix') return { net, path: addr };
  return parseTcpAddress(addr) ?? { net: 'tcp', host: undefined, port: 0 };
}

export type HttpConfig = Immutable<z.output<typeof http>>;
export type TlsConfig = NonNullable<HttpConfig['tls']>;
export type LetsEncryptConfig = NonNullable<TlsConfig['letsEncrypt']>;
