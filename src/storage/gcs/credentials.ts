import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { GcsCredentialsSource } from './options.ts';

const TOKEN_URI = 'https://oauth2.googleapis.com/token';
const METADATA_HOST = 'metadata.google.internal';

export interface ServiceAccount {
  readonly kind: 'service_account';
  readonly email: string;
  readonly privateKey: KeyObject;
  readonly keyId: string | undefined;
  readonly tokenUri: string;
}

export interface AuthorizedUser {
  readonly kind: 'authorized_user';
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
  readonly tokenUri: string;
}

export interface MetadataServer {
  readonly kind: 'metadata';
  /** Host and port. */
  readonly host: string;
}

export type GcsCredentials = ServiceAccount | AuthorizedUser | MetadataServer | { readonly kind: 'anonymous' };

/** @throws {Error} when a file cannot be read, or its credentials are incomplete or of an unsupported type */
export async function loadCredentials(source: GcsCredentialsSource): Promise<GcsCredentials> {
  switch (source.kind) {
    case 'file':
      return parseCredentials(parseJson(await readFile(source.path, 'utf8'), source.path), source.path);
    case 'inline':
      return parseCredentials(source.fields, 'credentials');
    case 'metadata':
      return { kind: 'metadata', host: source.host ?? METADATA_HOST };
    case 'anonymous':
      return source;
  }
}

function parseJson(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // The parser's message would show a part of the key.
  }
  throw new Error(`gcs: ${path} is not JSON (use the key file of a service account)`);
}

/** @param source for messages */
function parseCredentials(fields: Readonly<Record<string, unknown>>, source: string): GcsCredentials {
  const field = (name: string): string => {
    const value = fields[name];
    if (typeof value === 'string' && value !== '') return value;
    throw new Error(`gcs: ${source} has no ${name}`);
  };
  const type = fields['type'];
  const tokenUri = typeof fields['token_uri'] === 'string' ? fields['token_uri'] : TOKEN_URI;
  switch (type) {
    case 'service_account': {
      const keyId = typeof fields['private_key_id'] === 'string' ? fields['private_key_id'] : undefined;
      const privateKey = parseKey(field('private_key'), source);
      return { kind: type, email: field('client_email'), privateKey, keyId, tokenUri };
    }
    case 'authorized_user': {
      const [clientId, clientSecret] = [field('client_id'), field('client_secret')];
      return { kind: type, clientId, clientSecret, refreshToken: field('refresh_token'), tokenUri };
    }
    default:
      throw new Error(
        `gcs: ${source}: credentials of type ${JSON.stringify(type)} are not supported (use service_account, authorized_user, or the metadata server)`,
      );
  }
}

function parseKey(pem: string, source: string): KeyObject {
  try {
    // A variable of the environment has no line breaks.
    return createPrivateKey(pem.replaceAll('\\n', '\n'));
  } catch {
    throw new Error(`gcs: ${source}: private_key is not a private key in PEM format`);
  }
}
