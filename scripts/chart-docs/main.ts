import { readFile, writeFile } from 'node:fs/promises';

import { withValues } from './values.ts';

const CHART = new URL('../../charts/layover/', import.meta.url);
const read = (file: string) => readFile(new URL(file, CHART), 'utf8');

const files = { schema: await read('values.schema.json'), values: await read('values.yaml') };
await writeFile(new URL('README.md', CHART), withValues(await read('README.md'), files));
