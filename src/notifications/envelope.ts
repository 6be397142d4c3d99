import { randomBytes } from 'node:crypto';

/** Used by distribution 3; distribution 2 sent the same structure as `v1`. */
export const EVENTS_MEDIA_TYPE = 'application/vnd.docker.distribution.events.v2+json';

/** The JSON that receivers get; as in distribution, undefined fields are left out. */
export interface Notification {
  readonly id: string;
  /** RFC 3339. */
  readonly timestamp: string;
  readonly action: string;
  readonly target: NotificationTarget;
  readonly request: {
    readonly id: string;
    readonly addr?: string | undefined;
    readonly host?: string | undefined;
    readonly method: string;
    readonly useragent: string;
  };
  readonly actor: { readonly name?: string | undefined };
  readonly source: NotificationSource;
}

export interface NotificationTarget {
  readonly mediaType?: string | undefined;
  readonly digest?: string | undefined;
  readonly size?: number | undefined;
  /** The same as `size`, for old receivers. */
  readonly length?: number | undefined;
  readonly repository: string;
  readonly fromRepository?: string | undefined;
  readonly url?: string | undefined;
  readonly tag?: string | undefined;
  readonly references?: readonly NotificationReference[] | undefined;
}

export interface NotificationReference {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** The process that sends the event. */
export interface NotificationSource {
  /** Host name and port. */
  readonly addr: string;
  /** New at every start. */
  readonly instanceID: string;
}

/**
 * The body of a request with one event, byte for byte like Go's encoder: some receivers verify a hash of the body.
 *
 * @param event a {@link Notification} as JSON
 */
export function envelopeOf(event: string): string {
  const text = JSON.stringify({ events: [JSON.parse(event) as Notification] }, undefined, 3);
  return text.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** RFC 3339 in Go's form, without trailing zeros. */
export function timestampOf(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/\.?0*Z$/, 'Z');
}

/**
 * A UUID of version 7, which sorts by time.
 *
 * @param now Unix milliseconds
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.7
 */
export function uuidV7(now: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
