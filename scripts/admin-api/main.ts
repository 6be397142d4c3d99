// Writes the description of the admin API, which the server has beside its code.
import { writeFile } from 'node:fs/promises';

import { renderDocument } from './document.ts';
import { DOCUMENT_PATHS } from './paths.ts';

const document = await renderDocument();
for (const path of DOCUMENT_PATHS) await writeFile(path, document);
