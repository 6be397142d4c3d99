import { readFile, writeFile } from 'node:fs/promises';
import { withTables } from './tables.ts';

const PAGE = new URL('../../docs/configuration.md', import.meta.url);

await writeFile(PAGE, withTables(await readFile(PAGE, 'utf8')));
