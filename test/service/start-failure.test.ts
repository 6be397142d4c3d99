import { expect, it } from 'vitest';

import { loadConfig } from '../../src/config/load.ts';
import { explainStart } from '../../src/service/start-failure.ts';

const env = {
  REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/data',
  REGISTRY_HTTP_ADDR: ':80',
  REGISTRY_HTTP_DEBUG_ADDR: '127.0.0.1:5001',
  REGISTRY_ADMIN_ADDR: '127.0.0.1:5002',
  REGISTRY_PROXY_FILLS_DIRECTORY: '/spools',
};
const failure = (fields: object) => Object.assign(new Error('of the system'), fields);
const listening = (code: string, port: number) => failure({ code, syscall: 'listen', address: '127.0.0.1', port });

it.each([
  [listening('EACCES', 80), /^http\.addr: the user of this process may not listen on port 80 \(/],
  [listening('EADDRINUSE', 5001), /^http\.debug\.addr: port 5001 is already in use \(/],
  [listening('EADDRNOTAVAIL', 5002), /^admin\.addr: 127\.0\.0\.1 is not an address of this machine \(/],
  [listening('EADDRINUSE', 9), /^of the system$/],
  [
    failure({ code: 'ENOTDIR', path: '/spools/x' }),
    /^proxy\.fills\.directory: cannot use \/spools: a part of the path/,
  ],
  [
    failure({ code: 'EROFS', path: '/data/layover/tmp' }),
    /^storage\.filesystem\.rootdirectory: .* is read-only \(set /,
  ],
  [failure({ code: 'ENOTDIR', path: '/database' }), /^of the system$/],
  [new Error('of the system'), /^of the system$/],
])('a failed start is explained by its key: %s', async (error, message) => {
  const { config } = await loadConfig({ env });
  const explained = explainStart(error, config) as NodeJS.ErrnoException;
  expect(explained.message).toMatch(message);
  expect(explained.code).toBe((error as NodeJS.ErrnoException).code);
});
