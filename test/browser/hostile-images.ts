import type { Digest } from '../../src/oci/digest.ts';
import { bytesContent } from '../support/content.ts';
import type { Images, Manifest } from '../support/images.ts';
import { MEDIA_TYPES } from '../support/media-types.ts';

/** Runs when any page takes text for markup, or a link for safe; shows another name than it has. */
export const HOSTILE_TEXTS = [
  '<img src=x onerror="window.attacked=1">',
  '<script>window.attacked=1</script>',
  '</pre></code><iframe src="javascript:window.parent.attacked=1"></iframe>',
  'javascript:window.attacked=1',
  'data:text/html,<script>opener.attacked=1</script>',
  'http://user:pass@example.invalid/',
  'https://example.invalid/"onmouseover="window.attacked=1',
  'invoice‮gpj.exe',
  'a​b‍cdef\u0000g\u001b[31mh',
  '{{constructor.constructor("window.attacked=1")()}}',
  `'; touch /tmp/attacked; '`,
  '__proto__',
  'x'.repeat(20_000),
] as const;

/** An image with hostile text in everything that its publisher chooses. */
export function addHostileImage(images: Images, repository: string, tag: string): Manifest {
  const texts = HOSTILE_TEXTS;
  const byText = Object.fromEntries(texts.map((text, i) => [`${i}.${text.slice(0, 200)}`, text]));
  const config = bytesContent(
    json({
      architecture: texts[0],
      os: texts[7],
      author: texts[1],
      created: texts[7],
      config: {
        User: texts[0],
        WorkingDir: texts[7],
        Env: texts.map((text) => `${text}=${text}`),
        Cmd: texts,
        Entrypoint: texts,
        Labels: byText,
        ExposedPorts: { [texts[0]]: {} },
        Volumes: { [texts[1]]: {} },
        StopSignal: texts[0],
      },
      history: texts.map((text) => ({ created: text, created_by: text, comment: text, empty_layer: true })),
      rootfs: { type: 'layers', diff_ids: [] },
    }),
  );
  images.addBlob(repository, config);
  return images.addManifest(repository, tag, MEDIA_TYPES.oci.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.oci.manifest,
    artifactType: texts[0],
    config: { mediaType: MEDIA_TYPES.oci.config, digest: config.digest, size: config.size },
    layers: [{ mediaType: texts[0], digest: config.digest, size: config.size, annotations: byText }],
    annotations: byText,
  });
}

/** An artifact with hostile annotations, attached to an image. */
export function addHostileReferrer(images: Images, repository: string, subject: Manifest): Digest {
  const artifact = images.addArtifact(repository, subject, `application/x${HOSTILE_TEXTS[0]}`, HOSTILE_TEXTS[0]);
  return artifact.digest;
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
