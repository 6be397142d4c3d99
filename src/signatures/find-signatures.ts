import type { ImageManifest, ImageSource } from '../images/image-source.ts';
import { ImageError } from '../images/image-error.ts';
import { fetchManifest } from '../images/plan.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, digestAlgorithm, digestOf, isDigest } from '../oci/digest.ts';
import { RegistryError, type RegistryErrorCode } from '../oci/errors.ts';
import { type FoundSignature, type JsonObject, parseJson, SignatureError } from './found-signature.ts';
import { readSigstoreBundle, SIGSTORE_BUNDLE } from './sigstore-bundle.ts';
import { readSimpleSigning, SIMPLE_SIGNING } from './simple-signing.ts';

export type SignatureSource = Pick<ImageSource, 'name' | 'manifest' | 'blob' | 'referrers' | 'digestTags'>;

/** A signature, or why it cannot be used. */
export type Finding = { readonly manifest: Digest } & (
  | { readonly signature: FoundSignature }
  | { readonly problem: string }
);

export interface FindOptions {
  readonly signal: AbortSignal;
}

/** Manifests with signatures of one image. */
const MAX_MANIFESTS = 50;
/** Of a manifest with signatures: each is a layer. */
const MAX_LAYERS = 100;
const MAX_BYTES = 4 * 1024 * 1024;
const MISSING: readonly RegistryErrorCode[] = [
  'MANIFEST_UNKNOWN',
  'BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'DIGEST_INVALID',
];

/**
 * The signatures of a manifest, both by tag (`sha256-….sig`, cosign 1 and 2) and by referrer (cosign 3).
 *
 * @throws {ImageError} · {RegistryError} when they cannot be fetched, which must not be taken for an image without signatures
 */
export async function findSignatures(
  source: SignatureSource,
  digest: Digest,
  options: FindOptions,
): Promise<readonly Finding[]> {
  const [tags, attached] = await Promise.all([source.digestTags(digest), source.referrers(digest)]);
  const tagged = tags.filter(({ tag }) => tag.endsWith('.sig'));
  const referrers = attached.filter(isBundle).slice(0, MAX_MANIFESTS);
  const findings: Finding[] = [];
  for (const { manifest } of tagged)
    findings.push(...(await readManifest(source, manifest.digest, async () => manifest, options)));
  for (const { digest: referrer, ...descriptor } of referrers) {
    const fetch = () => fetchManifest(source, { digest: referrer, ...descriptor });
    findings.push(...(await readManifest(source, referrer, fetch, options)));
  }
  return findings;
}

/** Some registries list no artifact type. */
function isBundle({ artifactType }: { readonly artifactType?: string | undefined }): boolean {
  return artifactType === undefined || artifactType === SIGSTORE_BUNDLE;
}

/** A manifest that anyone could have attached must not hide the others: one that is missing or damaged is a problem in the result. */
async function readManifest(
  source: SignatureSource,
  digest: Digest,
  fetch: () => Promise<ImageManifest>,
  options: FindOptions,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  try {
    for (const layer of layersOf(await fetch())) {
      const finding = await readLayer(source, layer, options);
      if (finding) findings.push({ manifest: digest, ...finding });
    }
  } catch (err) {
    if (!isBroken(err)) throw err;
    findings.push({ manifest: digest, problem: err.message });
  }
  return findings;
}

/** Not an outage: that must not be taken for an image without signatures. */
function isBroken(err: unknown): err is Error {
  if (err instanceof RegistryError) return MISSING.includes(err.code);
  return err instanceof SignatureError || err instanceof ImageError;
}

type Layer = Descriptor & { readonly annotations?: JsonObject };

function layersOf({ bytes }: ImageManifest): readonly Layer[] {
  const { layers } = parseJson(bytes, 'the manifest');
  return Array.isArray(layers) ? layers.filter(isLayer).slice(0, MAX_LAYERS) : [];
}

function isLayer(value: unknown): value is Layer {
  const { mediaType, digest, size, annotations = {} } = (value ?? {}) as Partial<Layer>;
  const isSigned = mediaType === SIMPLE_SIGNING || mediaType === SIGSTORE_BUNDLE;
  const hasContent = typeof digest === 'string' && isDigest(digest) && Number.isSafeInteger(size);
  return isSigned && hasContent && typeof annotations === 'object' && annotations !== null;
}

async function readLayer(source: SignatureSource, layer: Layer, options: FindOptions) {
  if (layer.size > MAX_BYTES) return { problem: `larger than ${MAX_BYTES} bytes` };
  try {
    const bytes = await readBlob(source, layer, options);
    if (layer.mediaType === SIMPLE_SIGNING) return { signature: readSimpleSigning(bytes, layer.annotations) };
    const signature = readSigstoreBundle(bytes);
    return signature && { signature };
  } catch (err) {
    if (isBroken(err)) return { problem: err.message };
    throw err;
  }
}

/** @throws {SignatureError} when its bytes do not match the digest */
async function readBlob(source: SignatureSource, layer: Layer, { signal }: FindOptions): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of source.blob(layer, { start: 0, signal })) {
    size += chunk.length;
    if (size > MAX_BYTES) break;
    chunks.push(Buffer.from(chunk));
  }
  const bytes = Buffer.concat(chunks);
  if (digestOf(bytes, digestAlgorithm(layer.digest)) === layer.digest) return bytes;
  throw new SignatureError(`${layer.digest} has other bytes`);
}
