import { argv, stdout } from 'node:process';

import { LmdbIndex } from '../../src/usage/lmdb-index.ts';
import { digestOf } from '../../src/oci/digest.ts';

/** Records one reference after the other and prints each, until it is killed. */
const index = await LmdbIndex.open({ directory: argv[2] ?? '' });
for (let i = 1; ; i++) {
  const digest = digestOf(Buffer.from(String(i)));
  await index.record([{ repository: `docker.io/library/app${i % 7}`, digest, kind: 'blob', size: 10, at: Date.now() }]);
  stdout.write(`recorded ${i}\n`);
  await new Promise((resolve) => setImmediate(resolve));
}
