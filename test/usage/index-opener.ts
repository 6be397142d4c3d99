import { argv, stdout } from 'node:process';

import { openIndex } from '../../src/usage/open-index.ts';
import { digestOf } from '../../src/oci/digest.ts';

/** Opens an index that may be damaged, uses it, and prints what was found. LMDB can end the process when pages are wrong. */
const reported: { reason: string; movedTo: string }[] = [];
const index = await openIndex({ directory: argv[2] ?? '', onDamaged: (event) => void reported.push(event) });
const totals = await index.totals();
const digest = digestOf(Buffer.from('used afterwards'));
await index.record([{ repository: 'docker.io/library/app', digest, kind: 'blob', size: 10, at: 1 }]);
await index.close();
stdout.write(JSON.stringify({ reported, totals }));
