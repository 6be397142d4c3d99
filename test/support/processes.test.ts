import { expect, it } from 'vitest';

import { freePort, RunningProcess, runProgram, waitForPort } from './processes.ts';

const node = (script: string) => RunningProcess.start(process.execPath, ['-e', script]);

it('waits for a line of either output', async () => {
  await using program = await node('console.error("port 17"); setInterval(() => {}, 1000)');
  expect((await program.waitForOutput(/port (\d+)/))[1]).toBe('17');
});

it('says what a process printed when it ends before the line', async () => {
  await using program = await node('console.log("no luck"); process.exit(3)');
  await expect(program.waitForOutput(/ready/)).rejects.toThrow(/no luck/);
  expect(await program.exited).toEqual({ code: 3, signal: null });
});

it('ends a process that does not listen to SIGTERM', async () => {
  await using program = await node('process.on("SIGTERM", () => {}); console.log("deaf"); setInterval(() => {}, 1000)');
  await program.waitForOutput(/deaf/);
  expect(await program.stop({ timeoutMs: 50 })).toEqual({ code: null, signal: 'SIGKILL' });
});

it('reports a missing program and a failing one', async () => {
  await expect(RunningProcess.start('/nonexistent/program', [])).rejects.toThrow('ENOENT');
  await expect(runProgram(process.execPath, ['-e', 'process.exit(2)'])).rejects.toThrow('exit 2');
});

it('waits for a port', async () => {
  const port = await freePort();
  await using program = await node(`require('net').createServer().listen(${port}, '127.0.0.1')`);
  await waitForPort(port, program);
  expect(program.isRunning).toBe(true);
});
