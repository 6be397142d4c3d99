import { ControlError } from '../operations/control-error.ts';
import type { SetupQuery, SetupView } from '../operations/setup-control.ts';
import { parseCacheAddress, parseRegistries } from './address.ts';
import { findSetupClient, SETUP_CLIENTS } from './clients.ts';
import { type SetupClient, type SetupRequest, shownTexts } from './plan.ts';
import { SetupError } from './setup-error.ts';

/** The cache that clients are set up for. */
interface ShownCache {
  readonly address: string;
  /** Absent when they are not known. */
  readonly served?: readonly string[] | undefined;
}

/**
 * How a client is set up, as `layover setup` prints it. Files of this machine are not read: the client has its own.
 *
 * @param cache its address, when the query has none, and the registries that it serves
 * @throws {ControlError} `invalid`
 */
export function describeSetup(
  { client, registries = '', enforce = false, ...query }: SetupQuery,
  { address, served }: ShownCache,
): SetupView {
  const at = query.address ?? address;
  const found = client === undefined ? SETUP_CLIENTS[0] : findSetupClient(client);
  if (!found) throw new ControlError('invalid', `client: ${client} cannot be set up`);
  try {
    const cache = parseCacheAddress(at, 'address');
    return viewOf(found, {
      cache,
      registries: parseRegistries(registries),
      served,
      ca: undefined,
      isEnforced: enforce,
    });
  } catch (err) {
    throw err instanceof SetupError ? new ControlError('invalid', err.message) : err;
  }
}

function viewOf(client: SetupClient, request: SetupRequest): SetupView {
  const plan = client.plan(request, () => undefined);
  return {
    client: client.name,
    title: client.title,
    address: request.cache.origin,
    clients: SETUP_CLIENTS.map(({ name, title }) => ({ name, title })),
    texts: shownTexts(plan).map(({ title, text }) => ({ title, text })),
    takesEffect: plan.takesEffect,
    notes: plan.notes,
    enforcement: plan.unenforced ?? (plan.enforcement || undefined),
  };
}
