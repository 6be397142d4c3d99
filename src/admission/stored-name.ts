import { isDigest } from '../oci/digest.ts';
import { isTag, parseRepositoryName, type Reference } from '../oci/reference.ts';
import { RegistryError } from '../oci/errors.ts';
import { ControlError } from '../operations/control-error.ts';

/** @throws {ControlError} `invalid` */
export function parseStoredName(name: string): { readonly repository: string; readonly reference: Reference } {
  const at = name.indexOf('@');
  const colon = name.lastIndexOf(':');
  const end = at < 0 ? colon : at;
  if (end <= name.lastIndexOf('/')) throw invalid(name);
  const text = name.slice(end + 1);
  try {
    const repository = parseRepositoryName(name.slice(0, end));
    if (at >= 0 && isDigest(text)) return { repository, reference: { kind: 'digest', digest: text } };
    if (at < 0 && isTag(text)) return { repository, reference: { kind: 'tag', tag: text } };
  } catch (err) {
    if (!(err instanceof RegistryError)) throw err;
  }
  throw invalid(name);
}

function invalid(name: string): ControlError {
  const example = 'docker.io/library/nginx:1 or docker.io/library/nginx@sha256:…';
  return new ControlError('invalid', `${JSON.stringify(name.slice(0, 300))} is not a stored name, such as ${example}`);
}
