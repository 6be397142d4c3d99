import type { CallOptions } from '../registry/registry.ts';
import type { UpstreamCallOptions } from '../upstream/upstream.ts';

/** For a call to the upstream that is made for one client alone. */
export function upstreamCallOptions({ signal }: CallOptions = {}): UpstreamCallOptions {
  return signal ? { signal } : {};
}
