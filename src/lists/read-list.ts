import { basename } from 'node:path';

import { findInCompose, isCompose } from './compose.ts';
import { findInDockerfile } from './dockerfile.ts';
import { type FoundImages, ImageFinder } from './found-images.ts';
import { findInObject } from './kubernetes.ts';
import { findInLock, isLock } from './lock-file.ts';
import { findInHauler, findInSkopeo, isHauler, isSkopeo } from './other-tools.ts';
import { findInText } from './text-list.ts';
import { parseDocuments, type YamlObject } from './yaml-documents.ts';

type Format = 'dockerfile' | 'yaml' | 'text';

const DOCKERFILE = /^(?:Dockerfile|Containerfile)(?:\..+)?$|\.(?:docker|container)file$/i;
const YAML = /\.(?:ya?ml|json)$/i;
const TEXT = /\.(?:txt|list)$/i;
/** A key, an item, an object or the start of a document; the name of an image has no colon before a space. */
const YAML_LINE = /^[ \t]*(?:---|[[{]|-\s|["']?[\w./-]+["']?:(?:\s|$))/m;
const DOCKERFILE_LINE = /^[ \t]*FROM[ \t]+\S/im;

/** Whether a file of a directory is read. Text lists are named one by one: a directory may contain any text. */
export function isListName(name: string): boolean {
  return DOCKERFILE.test(name) || YAML.test(name);
}

/** The images of a list of any kind, by the name of the file or by its content. Does no I/O. */
export function readList(text: string, origin: string): FoundImages {
  const found = new ImageFinder(origin);
  switch (formatOf(text, basename(origin))) {
    case 'dockerfile':
      findInDockerfile(text, found);
      break;
    case 'text':
      findInText(text, found);
      break;
    case 'yaml':
      for (const document of parseDocuments(text, found)) findInDocument(document, found);
  }
  return found;
}

function formatOf(text: string, name: string): Format {
  if (DOCKERFILE.test(name)) return 'dockerfile';
  if (YAML.test(name)) return 'yaml';
  if (TEXT.test(name)) return 'text';
  const content = text.replace(/^[ \t]*#.*$/gm, '');
  if (YAML_LINE.test(content)) return 'yaml';
  return DOCKERFILE_LINE.test(content) ? 'dockerfile' : 'text';
}

function findInDocument(document: YamlObject, found: ImageFinder): void {
  if (isLock(document)) findInLock(document, found);
  else if (isHauler(document)) findInHauler(document, found);
  else if (isCompose(document)) findInCompose(document, found);
  else if (isSkopeo(document)) findInSkopeo(document, found);
  else findInObject(document, found);
}
