import type { RedisConnectionOptions } from './options.ts';
import type { Redis, RedisEvents } from './redis.ts';

/**
 * Connects to Redis, in the background. Does not wait for the server, which may become available later, or never. The client
 * library is loaded by this call.
 *
 * @returns a connection that the caller closes
 * @throws {Error} when a file for TLS cannot be read
 */
export async function createRedis(
  options: RedisConnectionOptions,
  { events }: { readonly events: RedisEvents },
): Promise<Redis> {
  const { connectRedis } = await import('./connection.ts');
  return await connectRedis(options, events);
}
