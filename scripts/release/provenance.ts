/** A file that is published. */
export interface Artifact {
  /** In the output directory. */
  readonly name: string;
  readonly sha256: string;
}

/**
 * What the files of a release were made of, as an in-toto statement. It is not signed: whoever publishes the release signs it, such as with
 * `cosign attest-blob`.
 *
 * @see https://slsa.dev/spec/v1.0/provenance
 */
export function provenanceOf(
  artifacts: readonly Artifact[],
  { version, commit }: { readonly version: string; readonly commit: string },
): string {
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: artifacts.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'urn:layover:release:1',
        externalParameters: { command: 'npm run release', version },
        resolvedDependencies: [{ name: 'source', digest: { gitCommit: commit } }],
      },
      runDetails: { builder: { id: 'urn:layover:scripts:release' }, metadata: { invocationId: `v${version}` } },
    },
  };
  return `${JSON.stringify(statement, null, 2)}\n`;
}
