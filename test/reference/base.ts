import { basic } from '../auth/htpasswd-file.ts';
import type { Check, Topic } from './check.ts';
import { statuses } from './registry.ts';
import { STORED } from './settings.ts';

const LENGTH_AND_TYPE = ['content-length', 'content-type', 'docker-distribution-api-version'];

const checks: readonly Check[] = [
  {
    name: 'the base says that this is a registry',
    expected: [
      '200 content-length=2 content-type=application/json docker-distribution-api-version=registry/2.0',
      '200 content-length=2 content-type=application/json docker-distribution-api-version=registry/2.0',
    ],
    observe: (it) =>
      it.inOrder(
        [
          ['GET', '/v2/'],
          ['HEAD', '/v2/'],
        ],
        ...LENGTH_AND_TYPE,
      ),
  },
  {
    name: 'the base is below the prefix, and nothing is elsewhere',
    setting: 'prefix',
    expected: ['200', '404', '200'],
    observe: async (it) =>
      statuses(
        await it.inOrder([
          ['GET', '/test/v2/'],
          ['GET', '/v2/'],
          ['GET', `/test/v2/${STORED}/manifests/1`],
        ]),
      ),
  },
  {
    name: 'a locked registry asks for credentials',
    setting: 'locked',
    expected: [
      '401 UNAUTHORIZED www-authenticate=Basic realm="realm-test"',
      '401 UNAUTHORIZED www-authenticate=Basic realm="realm-test"',
      '200 www-authenticate=-',
      '401 UNAUTHORIZED www-authenticate=Basic realm="realm-test"',
      '200 www-authenticate=-',
    ],
    observe: (it) =>
      it.inOrder(
        [
          ['GET', '/v2/'],
          ['GET', '/v2/', { headers: basic('ci', 'wrong') }],
          ['GET', '/v2/', { headers: basic('ci', 'secret') }],
          ['GET', `/v2/${STORED}/manifests/1`],
          ['GET', `/v2/${STORED}/manifests/1`, { headers: basic('ci', 'secret') }],
        ],
        'www-authenticate',
      ),
  },
  {
    name: 'paths that are no endpoint',
    expected: ['404', '404', '404', '404'],
    observe: async (it) =>
      statuses(
        await it.inOrder([
          ['GET', '/v2/_search'],
          ['GET', 'unknown/endpoint'],
          ['GET', 'manifests/'],
          ['GET', '/v1/'],
        ]),
      ),
  },
  {
    name: 'methods that an endpoint does not have',
    expected: ['405', '405', '405', '405'],
    observe: async (it) =>
      statuses(
        await it.inOrder([
          ['PUT', 'tags/list'],
          ['POST', 'manifests/1'],
          ['PATCH', 'blobs/uploads/'],
          ['POST', '/v2/_catalog'],
        ]),
      ),
  },
];

export const base: Topic = {
  name: 'base',
  covers: ['TestCheckAPI', 'TestURLPrefix', 'TestNewApp', 'TestAppDispatcher'],
  checks,
};
