import { z } from 'zod';
import { otherwise, withDefault } from './defaults.ts';
import { ownTimer } from './duration.ts';
import { integer } from './number.ts';
import { file, matching, name } from './text.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

export const rados = z
  .strictObject({
    poolname: name('Name of the pool, which must exist and be replicated.'),
    username: withDefault(
      matching('User of the cluster, without `client.`.', {
        pattern: /^(?!client\.)[^\s]+$/,
        expected: 'must be the name of a user without client., such as registry',
      }),
      'admin',
    ),
    chunksize: withDefault(
      integer('Size of the objects that new files are written to, in bytes.', { min: 64 * KIB, max: 64 * MIB }),
      String(4 * MIB),
    ),
    conffile: otherwise(
      file("Ceph's configuration. A key of Layover's."),
      '`$CEPH_CONF`, `/etc/ceph/ceph.conf`, `~/.ceph/config` or `ceph.conf`',
    ),
    keyring: otherwise(file("File with the key of the user. A key of Layover's."), "as in Ceph's configuration"),
    namespace: otherwise(
      name("Namespace in the pool, for several registries in one. A key of Layover's."),
      'none, as in distribution',
    ),
    timeout: withDefault(
      ownTimer("Time that the cluster has for one operation, in whole seconds. A key of Layover's."),
      '30s',
    ),
    connecttimeout: withDefault(
      ownTimer("Time for connecting to the cluster, in whole seconds. A key of Layover's."),
      '10s',
    ),
  })
  .transform((raw) => ({
    kind: 'rados' as const,
    pool: raw.poolname,
    user: raw.username,
    chunkBytes: raw.chunksize,
    configFile: raw.conffile,
    keyring: raw.keyring,
    namespace: raw.namespace,
    timeoutMs: raw.timeout,
    connectTimeoutMs: raw.connecttimeout,
  }))
  .describe("A pool of a Ceph cluster, in distribution's layout.");
