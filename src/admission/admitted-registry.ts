import { delegate } from '../filters/delegate.ts';
import type { HeldContent } from '../registry/held-content.ts';
import type { RedirectedBlob, Registry, Served } from '../registry/registry.ts';
import { Gates, type GateOptions } from './gates.ts';
import { decidesDigests, isOpen } from './rule.ts';

/**
 * The same registry, without content that the rules do not admit: calls for it reject with the reason. It is in storage, and in no form
 * served: by tag or digest, nor its parts, unless an admitted manifest of the repository names them.
 * A call for a repository without a rule costs one look-up.
 */
export function admitContent(registry: Registry, options: GateOptions): Registry {
  const gates = new Gates(registry, options);
  return {
    ...delegate(registry),
    resolveManifest(repository, reference, call) {
      const gate = gates.of(repository);
      return gate
        ? gates.resolveManifest(gate, repository, reference, call)
        : registry.resolveManifest(repository, reference, call);
    },
    getManifest(repository, reference, call) {
      const gate = gates.of(repository);
      return gate
        ? gates.getManifest(gate, repository, reference, call)
        : registry.getManifest(repository, reference, call);
    },
    resolveBlob(repository, digest, call) {
      const checked = gates.part(repository, digest, call);
      return checked
        ? checked.then(() => registry.resolveBlob(repository, digest, call))
        : registry.resolveBlob(repository, digest, call);
    },
    openBlob(repository, digest, call) {
      const checked = gates.part(repository, digest, call);
      return checked
        ? checked.then(() => registry.openBlob(repository, digest, call))
        : registry.openBlob(repository, digest, call);
    },
    redirectBlob(repository, digest, request) {
      const checked = gates.part(repository, digest);
      return checked
        ? checked.then((): Promise<Served<RedirectedBlob> | undefined> | undefined =>
            registry.redirectBlob(repository, digest, request),
          )
        : registry.redirectBlob(repository, digest, request);
    },
    async listReferrers(repository, digest, query, call) {
      const gate = gates.of(repository);
      if (gate) await gates.check(gate, repository, { digest, call });
      return registry.listReferrers(repository, digest, query, call);
    },
  };
}

/** The same for content in memory: whatever is not known to be admitted has to be looked up. */
export function admitHeld(
  held: HeldContent,
  { admission, storedName }: Pick<GateOptions, 'admission' | 'storedName'>,
): HeldContent {
  return {
    manifest(repository, reference) {
      const stored = storedName(repository);
      const rule = admission.ruleOf(stored);
      if (rule === undefined || isOpen(rule)) return held.manifest(repository, reference);
      // Which digest a tag is served as depends on the time.
      if (rule.age && reference.kind === 'tag') return undefined;
      const manifest = held.manifest(repository, reference);
      if (!manifest || !decidesDigests(rule)) return manifest;
      return admission.known(stored, manifest.digest)?.outcome === 'allow' ? manifest : undefined;
    },
    blob(repository, digest) {
      const stored = storedName(repository);
      return admission.isPartServed(stored, digest) ? held.blob(repository, digest) : undefined;
    },
  };
}
