export const IMAGE_PLACES =
  'host/name:tag, name@digest, oci:directory:tag, oci-archive:file.tar:tag or docker-archive:file.tar:name';

export const IMAGE_HELP = `
Images can be in:

  alpine:3.20                       a registry (without a host: Docker Hub)
  localhost:5000/team/app:1.0
  ghcr.io/owner/app@sha256:…
  oci:directory[:tag]               an OCI layout
  oci-archive:file.tar[:tag]        an OCI layout in one file
  docker-archive:file.tar[:name]    output of docker save (read only)

Credentials come from docker login, including its credential helpers. All content is verified during the copy. The exit
code is 0, 1 after a failure, or 130 after Ctrl-C.`;

export const COPY_HELP = `
Content that the destination has is not sent again; within one registry, blobs are mounted. Interrupted downloads and
uploads resume. The tag is set last. The command prints the digest of the copy.

  $ layover image copy alpine:3.20 localhost:5000/mirror/alpine:3.20
  $ layover image copy --platform linux/amd64 --platform linux/arm64 alpine:3.20 oci:images:alpine
  $ layover image copy --referrers ghcr.io/owner/app:1.0 registry.example.com/app:1.0
  $ layover image copy docker-archive:saved.tar localhost:5000/app:1.0`;

export const PULL_HELP = `
An interrupted pull into a directory resumes when it is repeated. An archive appears when it is complete.

  $ layover image pull alpine:3.20
  $ layover image pull alpine:3.20 --output oci:images:alpine
  $ layover image pull alpine:3.20 --output alpine.tar --platform linux/amd64
  $ podman load --input alpine.tar`;

export const PUSH_HELP = `
  $ layover image push images localhost:5000/team/app:1.0 --source app
  $ docker save app:1.0 --output app.tar
  $ layover image push app.tar localhost:5000/team/app:1.0`;

export const LIST_HELP = `
  $ layover image list localhost:5000
  $ layover image list localhost:5000/team/app --digests
  $ layover image list alpine
  $ layover image list oci:images --digests`;

export const DELETE_HELP = `
A deleted tag leaves its manifest. A manifest is deleted with all of its tags; attachments are separate manifests and stay. The
bytes stay until the registry collects garbage.

  $ layover image delete localhost:5000/team/app:1.0
  $ layover image delete localhost:5000/team/app@sha256:…`;

export const INSPECT_HELP = `
  $ layover image inspect alpine:3.20
  $ layover image inspect --platform linux/arm64 --json oci:images:alpine
  $ layover image inspect --raw alpine:3.20 | layover digest`;

export const VERIFY_HELP = `
Signatures of cosign are found by tag (sha256-….sig) and as referrers (bundles of cosign 3). Keys are EC P-256, P-384 or
P-521, RSA with 2048 bits or more, or Ed25519. The signature of an index is that of all its platforms. The command prints
the digest that is signed: pull by this digest, as the tag may move. The exit code is 1 without a signature of the keys.

Bundles with certificates are verified with a trusted root. Anyone can get a certificate, so the identity is required.

  $ layover image verify --key cosign.pub ghcr.io/owner/app:1.0
  $ layover image verify --key old.pub --key new.pub oci:images:app
  $ layover image verify --trusted-root trusted_root.json --issuer https://token.actions.githubusercontent.com \\
      --identity 'https://github.com/owner/app/.github/workflows/release.yml@refs/tags/*' ghcr.io/owner/app:1.0`;
