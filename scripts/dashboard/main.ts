import { mkdir, writeFile } from 'node:fs/promises';

import { createDashboard } from './dashboard.ts';

const FOLDER = new URL('../../deploy/grafana/', import.meta.url);

await mkdir(FOLDER, { recursive: true });
await writeFile(new URL('layover.json', FOLDER), `${JSON.stringify(createDashboard(), null, 2)}\n`);
