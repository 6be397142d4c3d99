import { describePullClient } from './pull-client-contract.ts';
import { docker } from './pull-clients.ts';

await describePullClient(docker);
