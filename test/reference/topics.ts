import { base } from './base.ts';
import { blobs } from './blobs.ts';
import { cache } from './cache.ts';
import { catalog } from './catalog.ts';
import type { Topic } from './check.ts';
import { damaged } from './damaged.ts';
import { deleting } from './deleting.ts';
import { indexes } from './indexes.ts';
import { manifests } from './manifests.ts';
import { names } from './names.ts';
import { tags } from './tags.ts';
import { uploads } from './uploads.ts';
import { urls } from './urls.ts';

export const TOPICS: readonly Topic[] = [
  base,
  names,
  uploads,
  blobs,
  manifests,
  indexes,
  deleting,
  tags,
  catalog,
  urls,
  cache,
  damaged,
];
