import type { NamedBy } from '../registry/named-by.ts';

/** Which clients requested the image for verification, and how. */
export interface VerifyLog {
  /** The newest first; empty when no client did, or too many others did since. */
  findVerifications(nonce: string): readonly VerificationView[];
}

/** One request for the image. */
export interface VerificationView {
  readonly nonce: string;
  /** ISO 8601. */
  readonly at: string;
  /** IP address. Absent on a unix socket. */
  readonly address?: string | undefined;
  readonly userAgent?: string | undefined;
  /** Absent for an anonymous client. */
  readonly user?: string | undefined;
  /** The connection of the client has TLS, here or at a trusted proxy. */
  readonly isSecure: boolean;
  readonly namedBy: NamedBy;
  /** The registry that the client meant, as it named it. Absent for the default one. */
  readonly namespace?: string | undefined;
  readonly method: string;
  /** 200, or the reason why the client got no image: such as 401 for one without credentials. */
  readonly status: number;
}
