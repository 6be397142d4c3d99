import { randomUUID } from 'node:crypto';

export interface CephConfOptions {
  readonly directory: string;
  /** With librados, and the plugins of Ceph below it. */
  readonly libraries: string;
  readonly monitorPort: number;
  readonly gatewayPort: number;
}

/** Bytes of the OSD, in memory. */
const STORE_BYTES = 4 * 1024 ** 3;

/** A configuration of one monitor and one OSD on loopback, without a manager and sockets for administration. */
export function cephConf({ directory, libraries, monitorPort, gatewayPort }: CephConfOptions) {
  const fsid = randomUUID();
  const text = `
[global]
fsid = ${fsid}
mon initial members = a
mon host = [v2:127.0.0.1:${monitorPort}]
public addr = 127.0.0.1
public network = 127.0.0.0/8
cluster addr = 127.0.0.1
ms bind msgr1 = false
ms bind ipv6 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = ${directory}/keyring
run dir = ${directory}
admin socket =
log file = ${directory}/$name.log
crash dir = ${directory}
plugin dir = ${libraries}/ceph
erasure code dir = ${libraries}/ceph/erasure-code
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 2
mon warn on insecure global id reclaim = false
mon warn on insecure global id reclaim allowed = false
auth allow insecure global id reclaim = false
[mon]
mon data = ${directory}/mon
mon cluster log file = ${directory}/cluster.log
[osd]
osd data = ${directory}/osd
osd class dir = ${libraries}/rados-classes
osd class load list = *
osd class default list = *
osd objectstore = memstore
memstore device bytes = ${STORE_BYTES}
osd memory target = 939524096
osd max scrubs = 0
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${gatewayPort}
rgw thread pool size = 32
rgw dynamic resharding = false
rgw enable usage log = false
`;
  return { fsid, text };
}
