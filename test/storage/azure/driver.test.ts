import { randomUUID } from 'node:crypto';

import { describeStorageDriver } from '../driver-contract.ts';
import { startScene } from './azure-scene.ts';

describeStorageDriver('azure', () => startScene({ rootDirectory: `/${randomUUID()}/`, blockBytes: 1024 * 1024 }), {
  objectsBelowObjects: true,
});
