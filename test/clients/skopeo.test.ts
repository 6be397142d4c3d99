import { describePullClient } from './pull-client-contract.ts';
import { skopeo } from './pull-clients.ts';

await describePullClient(skopeo);
