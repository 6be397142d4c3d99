import { type Digest, isDigest } from '../oci/digest.ts';
import type { ImageCheckRequest } from '../operations/cache-control.ts';
import { ControlError } from '../operations/control-error.ts';

/** The body of a request for a check. @throws {ControlError} `invalid` */
export function checkRequest(body: unknown): ImageCheckRequest {
  const { host, repository, tag, digest, manifests, attachments, read } = (body ?? {}) as Record<string, unknown>;
  return {
    host: textOf('host', host),
    repository: textOf('repository', repository),
    tag: tag === undefined ? undefined : textOf('tag', tag),
    digest: digestOf('digest', digest),
    manifests: listOf('manifests', manifests).map((one) => digestOf('manifests', one)),
    attachments: listOf('attachments', attachments).map((one) => attachmentOf(one)),
    read: read === true,
  };
}

function attachmentOf(value: unknown): ImageCheckRequest['attachments'][number] {
  const { digest, tag } = (value ?? {}) as Record<string, unknown>;
  return { digest: digestOf('attachments', digest), tag: tag === undefined ? undefined : textOf('attachments', tag) };
}

function listOf(key: string, value: unknown): readonly unknown[] {
  if (value !== undefined && !Array.isArray(value)) throw new ControlError('invalid', `${key} must be a list`);
  return value ?? [];
}

function digestOf(key: string, value: unknown): Digest {
  if (typeof value !== 'string' || !isDigest(value)) throw new ControlError('invalid', `${key} must be a digest`);
  return value;
}

function textOf(key: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new ControlError('invalid', `${key} is missing`);
  return value;
}
