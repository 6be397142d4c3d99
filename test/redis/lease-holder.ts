// Holds a lease and acts repeatedly while it holds it: `lease-holder.ts <address> <ttlMs>`.
import { connect as connectTo, createServer } from 'node:net';

import { Leases } from '../../src/redis/lease.ts';
import { createRedis } from '../../src/redis/create-redis.ts';
import { until } from '../support/redis.ts';
import { configFor } from './redis-under-test.ts';

const [address = '', ttlMs = ''] = process.argv.slice(2);
const events = { redisChanged: () => {}, redisCalled: () => {} };
const redis = await createRedis(configFor(address, { deadlineMs: 500 }), { events });
await until(() => redis.state === 'up');
const attempt = await new Leases({ redis, address: 'holder' }).acquire('shared', Number(ttlMs));
if (attempt.kind !== 'held') throw new Error(attempt.kind);
const { lease } = attempt;
process.stdout.write('held\n');

// Acts when bytes arrive, which a process that wakes up handles before its timers.
const server = createServer((socket) => {
  socket.on('data', (bytes) => {
    if (lease.lost.aborted) {
      process.stdout.write(`lost: ${(lease.lost.reason as Error).message}\n`, () => process.exit());
      return;
    }
    process.stdout.write('acted\n');
    socket.write(bytes);
  });
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as { port: number };
  const echo = connectTo(port, '127.0.0.1', () => echo.write('x'));
  echo.on('data', () => setTimeout(() => echo.write('x'), 5));
});
