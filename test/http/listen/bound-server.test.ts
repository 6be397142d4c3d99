import { lstat, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { activatedSocket } from '../../../src/http/listen/activated-socket.ts';
import { bind, closeNow } from '../../../src/http/listen/bound-server.ts';
import { RunningProcess } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let path: string;
const servers: Server[] = [];

beforeEach(async () => {
  directory = await temporaryDirectory();
  path = join(directory.path, 'below', 'socket');
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map(closeNow));
  await directory[Symbol.asyncDispose]();
});

async function listenAt(at: string, mode?: number): Promise<string> {
  const server = createServer((_req, res) => res.end());
  const url = await bind(server, { net: 'unix', path: at }, { mode });
  servers.push(server);
  return url;
}

describe('a unix socket', () => {
  it('is created with its directory and its permissions', async () => {
    expect(await listenAt(path, 0o660)).toBe(`unix:${path}`);
    expect((await stat(path)).mode & 0o777).toBe(0o660);
  });

  it('of a killed process is replaced', async () => {
    const script = `require('net').createServer().listen(process.argv[1], () => console.log('listens'))`;
    const at = join(directory.path, 'left');
    const left = await RunningProcess.start(process.execPath, ['-e', script, at]);
    await left.waitForOutput(/listens/);
    left.kill('SIGKILL');
    await left.exited;
    expect((await lstat(at)).isSocket()).toBe(true);
    expect(await listenAt(at)).toBe(`unix:${at}`);
  });

  it('in use is not replaced, nor is a file that is not a socket', async () => {
    await listenAt(path);
    await expect(listenAt(path)).rejects.toThrow('EADDRINUSE');
    const file = join(directory.path, 'file');
    await writeFile(file, 'precious');
    await expect(listenAt(file)).rejects.toThrow('EADDRINUSE');
    expect((await stat(file)).size).toBe(8);
  });
});

describe("systemd's socket activation", () => {
  it('is used by the process that it names, and only one socket is accepted', () => {
    expect(activatedSocket({ LISTEN_PID: '7', LISTEN_FDS: '1' }, 7)).toBe(3);
    expect(activatedSocket({ LISTEN_PID: '8', LISTEN_FDS: '1' }, 7)).toBeUndefined();
    expect(activatedSocket({}, 7)).toBeUndefined();
    expect(() => activatedSocket({ LISTEN_PID: '7', LISTEN_FDS: '2' }, 7)).toThrow(
      '2 sockets were passed, but only one is supported',
    );
  });
});
