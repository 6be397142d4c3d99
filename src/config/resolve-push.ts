import type { ManifestValidation, PushConfig } from './push-config.ts';
import type { RawConfig } from './schema/schema.ts';

export function resolvePush({ storage, validation = {}, policy }: RawConfig): PushConfig {
  // As distribution: the deprecated key only ever switches it on.
  const isValidated = validation.enabled === true || validation.disabled !== true;
  return {
    deletes: storage.delete?.enabled ?? false,
    validation: isValidated ? resolveValidation(validation.manifests ?? {}) : undefined,
    classes: policy?.repository?.classes ?? [],
  };
}

type RawManifests = NonNullable<NonNullable<RawConfig['validation']>['manifests']>;

function resolveValidation({ urls = {}, indexes = {} }: RawManifests): ManifestValidation {
  const { platforms = 'all', platformlist = [] } = indexes;
  return {
    allow: urls.allow ?? [],
    deny: urls.deny ?? [],
    platforms: platforms === 'list' ? platformlist.map(({ os, architecture }) => ({ os, architecture })) : platforms,
  };
}
