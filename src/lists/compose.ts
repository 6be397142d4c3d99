import type { ImageFinder } from './found-images.ts';
import { substitute } from './substitute.ts';
import { isObject, textOf, type YamlObject } from './yaml-documents.ts';

export function isCompose({ services, kind }: YamlObject): boolean {
  return isObject(services) && kind === undefined;
}

/**
 * The images of the services of a compose file, except for those that it builds.
 *
 * @see https://github.com/compose-spec/compose-spec/blob/main/spec.md
 */
export function findInCompose({ services }: YamlObject, found: ImageFinder): void {
  for (const [name, service] of Object.entries(isObject(services) ? services : {})) {
    if (!isObject(service) || service.build !== undefined) continue;
    const image = textOf(service.image);
    if (image === undefined) continue;
    const { text, unknown } = substitute(image, new Map());
    if (unknown.length === 0) found.add(text, `service ${name}`);
    else found.refuse(`${image}: the variable ${unknown.join(', ')} has no default`, `service ${name}`);
  }
}
