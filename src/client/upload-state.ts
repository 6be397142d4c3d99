import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';

import { RegistryError } from '../oci/errors.ts';
import type { UploadReference } from '../oci/write-request.ts';
import type { UploadSession } from '../registry/registry.ts';
import type { RemoteUpload } from '../upstream/write-requests.ts';

/** A session, with what has to be known to continue it. */
export interface KnownUpload extends RemoteUpload {
  /** The repository that a mount was tried from; its token is for both. */
  readonly mountFrom: string | undefined;
}

const SIGNATURE_BYTES = 32;

/**
 * Upload sessions as `state`: their URL, signed with a key that only this object knows. A URL from elsewhere would be requested with our
 * credentials.
 */
export class UploadStates {
  readonly #key = randomBytes(32);

  seal(repository: string, upload: KnownUpload, id: string = randomUUID()): UploadSession {
    const { url, size, mountFrom } = upload;
    const json = Buffer.from(JSON.stringify({ repository, id, url: url.href, size, mountFrom }));
    return { id, size, state: Buffer.concat([this.#signatureOf(json), json]).toString('base64url') };
  }

  /** @throws {RegistryError} `BLOB_UPLOAD_INVALID` */
  open(repository: string, { id, state = '' }: UploadReference): KnownUpload {
    const bytes = Buffer.from(state, 'base64url');
    const [signature, json] = [bytes.subarray(0, SIGNATURE_BYTES), bytes.subarray(SIGNATURE_BYTES)];
    const isSigned = signature.length === SIGNATURE_BYTES && timingSafeEqual(signature, this.#signatureOf(json));
    const sealed = isSigned ? (JSON.parse(json.toString()) as Sealed) : undefined;
    if (sealed?.id !== id || sealed.repository !== repository) {
      throw new RegistryError('BLOB_UPLOAD_INVALID', 'the upload was not started by this client for this repository');
    }
    return { url: new URL(sealed.url), size: sealed.size, mountFrom: sealed.mountFrom };
  }

  #signatureOf(json: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(json).digest();
  }
}

interface Sealed {
  readonly repository: string;
  readonly id: string;
  readonly url: string;
  readonly size: number;
  readonly mountFrom?: string;
}
