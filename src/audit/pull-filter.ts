import { isGlob } from '../matching/glob.ts';
import { ControlError } from '../operations/control-error.ts';
import type { PullQuery } from '../operations/pull-log.ts';
import { isDigest } from '../oci/digest.ts';
import { parsePin } from '../retention/pins.ts';
import type { PullRecord } from './pull-record.ts';
import { addressFilter } from './recorded-address.ts';

export type PullFilter = (record: PullRecord) => boolean;

/** @throws {ControlError} `invalid` */
export function createPullFilter({ image, digest, client, since }: PullQuery): PullFilter {
  const filters: PullFilter[] = [];
  if (image !== undefined) filters.push(imageFilter(image));
  if (digest !== undefined) filters.push(digestFilter(digest));
  if (client !== undefined) filters.push(clientFilter(client));
  if (since !== undefined) filters.push(({ at }) => at >= since);
  return (record) => filters.every((matches) => matches(record));
}

function imageFilter(image: string): PullFilter {
  if (!isGlob(image) && !image.includes(':')) return ({ repository }) => repository.includes(image);
  const { matchesName, matchesTag, digest } = parsePin(image);
  const matchesDigest = digest === undefined ? undefined : digestFilter(digest);
  return (record) => {
    if (!matchesName(record.repository)) return false;
    if (matchesDigest) return matchesDigest(record);
    return matchesTag === undefined || (record.reference !== undefined && matchesTag(record.reference));
  };
}

function digestFilter(digest: string): PullFilter {
  if (!isDigest(digest)) throw new ControlError('invalid', `${digest} is not a digest, such as sha256:…`);
  return (record) => record.digest === digest || record.index === digest || record.reference === digest;
}

/** Numbers as in an address or a network, which no name of a client has. */
const ADDRESS = /^(?:\d+(?:\.\d*)+|[\da-f]*:[\da-f:.]*)(?:\/.*)?$/i;

function clientFilter(client: string): PullFilter {
  const matchesAddress = addressFilter(client);
  if (!matchesAddress && ADDRESS.test(client))
    throw new ControlError('invalid', `${client} is not an address or a network, such as 10.0.3.0/24`);
  return ({ user, address }) => user === client || (address !== undefined && matchesAddress?.(address) === true);
}
