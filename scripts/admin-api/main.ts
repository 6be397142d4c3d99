// Writes the description of the admin API, which the server sends.
import { writeFile } from 'node:fs/promises';

import { renderDocument } from './document.ts';
import { DOCUMENT_PATH } from './paths.ts';

await writeFile(DOCUMENT_PATH, await renderDocument());
