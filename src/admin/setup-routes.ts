import type { Request, Router } from 'express';

import type { SetupQuery, SetupView } from '../operations/setup-control.ts';
import { optionalText } from './parameters.ts';
import { respond } from './respond.ts';

/** @param hostname of the request, as its client names this machine */
export type DescribeSetup = (query: SetupQuery, hostname: string) => Promise<SetupView>;

/** `/setup`: how a client is set up for this cache. */
export function addSetupRoutes(router: Router, describe: DescribeSetup): void {
  router.get(
    '/setup',
    respond((request) => describe(setupQuery(request), request.hostname)),
  );
}

function setupQuery({ query }: Request): SetupQuery {
  const { client, address, registries, enforce } = query;
  return {
    client: optionalText(client),
    address: optionalText(address),
    registries: optionalText(registries),
    enforce: enforce === 'true',
  };
}
