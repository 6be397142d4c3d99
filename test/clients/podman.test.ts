import { describePullClient } from './pull-client-contract.ts';
import { podman } from './pull-clients.ts';

await describePullClient(podman);
