import type { Socket } from 'node:net';

import { enableCompileCache } from '../builtin/compile-cache.ts';
import type { FromWorker, ToWorker, WorkerStart } from './protocol.ts';
import type { Worker } from './worker.ts';

/** Runs a worker: the program that the main process starts. It ends with the main process. */
enableCompileCache();
const loading = import('./worker.ts');

// Signals are sent to all processes of a terminal or a service; the main process drains its workers.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.exit(1));

let worker: Worker | undefined;

process.on('message', (message: ToWorker, socket: Socket | undefined) => {
  if (message.type === 'start') void start(message);
  else if (message.type === 'drain')
    void (worker?.drain(message.timeoutMs) ?? Promise.resolve()).then(() => process.exit(0));
  else if (message.type === 'forget' && !worker) send({ type: 'forgotten', id: message.id });
  else send(worker?.receive(message, socket));
});

async function start(message: WorkerStart): Promise<void> {
  try {
    const created = new (await loading).Worker(message, send);
    await created.open();
    worker = created;
    send({ type: 'ready' });
  } catch (err) {
    send({ type: 'failed', reason: err instanceof Error ? err.message : String(err) });
  }
}

/** When the main process has ended, its channel reports an error before it disconnects. */
function send(message: FromWorker | undefined): void {
  if (message) process.send?.(message, () => {});
}
