/** What a service with workers needs, loaded together. */
export { createPermitOffice } from './permit-office.ts';
export { listenWithWorkers } from './worker-listener.ts';
export { WorkerPool } from './worker-pool.ts';
