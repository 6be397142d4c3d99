import type { BackendClient } from './backend-client.ts';
import type { Images } from './images.ts';
import type { AbuseLimit } from './abuse-limit.ts';
import type { RateLimit } from './rate-limit.ts';
import type { SignedUrls } from './signed-urls.ts';
import type { TokenIssuer } from './token-issuer.ts';

export interface HubOptions {
  /** `basic` and `none` make it look like a small private registry. Default: `bearer`. */
  readonly challenge?: 'bearer' | 'basic' | 'none';
  /** False: blobs come from the registry's own origin. Default: true. */
  readonly redirectBlobs?: boolean;
  /** False: the referrers endpoint is 404, as at registries before OCI 1.1. Default: true. */
  readonly referrers?: boolean;
  /** False: an index is no pull, only the manifests of the platforms in it. Default: true. */
  readonly countsIndexes?: boolean;
}

/** What the hub's origins answer from. */
export interface HubState {
  readonly images: Images;
  readonly backend: BackendClient;
  readonly options: Required<HubOptions>;
  readonly tokens: TokenIssuer;
  /** Of the address. */
  readonly rateLimit: RateLimit;
  /** Of accounts that have their own; others share that of the address. */
  readonly userLimits: ReadonlyMap<string, RateLimit>;
  readonly abuseLimit: AbuseLimit;
  limitOf(authorization: string | undefined): RateLimit;
  readonly signedUrls: SignedUrls;
  readonly tokenUrl: string;
  readonly cdnUrl: string;
  /** The digest a tag points to; a digest points to itself. */
  resolve(repository: string, reference: string): string | undefined;
}
