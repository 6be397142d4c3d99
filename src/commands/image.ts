import { copyImage, type CopyResult } from '../images/copy.ts';
import { ImageError } from '../images/image-error.ts';
import type { ImageDestination } from '../images/image-destination.ts';
import type { ImageSource } from '../images/image-source.ts';
import { deleteImage } from '../images/delete-image.ts';
import { type ListedTag, listRepositories, listTags } from '../images/listing.ts';
import {
  type FileLocation,
  type ImageLocation,
  parseFileLocation,
  parseLocation,
  parseRegistryLocation,
  registryOnly,
} from '../images/location.ts';
import { listLayout, locateFiles, openDestination, openSource } from '../images/open-image.ts';
import { parsePlatform } from '../images/platform.ts';
import { openRegistry, type RegistryAccess } from '../images/registry-access.ts';
import { summarise } from '../images/summary.ts';
import { describeImage } from './image-description.ts';
import { count, ImageProgress, NO_PROGRESS } from './image-progress.ts';
import type { ProgressOutput } from './progress-bar.ts';
import { renderColumns } from './table.ts';

export interface ImageContext {
  readonly access: RegistryAccess;
  readonly out: { write(text: string | Uint8Array): unknown };
  readonly err: ProgressOutput;
}

export interface CopyCommandOptions {
  readonly platform: readonly string[];
  readonly referrers: boolean;
  readonly jobs: number;
  readonly quiet: boolean;
}

/** `image copy` */
export async function copyCommand(
  context: ImageContext,
  [from, to]: readonly [string, string],
  options: CopyCommandOptions,
): Promise<void> {
  await copyBetween(context, { from: parseLocation(from), to: parseLocation(to) }, options);
}

/** `image pull` */
export async function pullCommand(
  context: ImageContext,
  reference: string,
  { output, ...options }: CopyCommandOptions & { readonly output: string | undefined },
): Promise<void> {
  const from = parseRegistryLocation(reference);
  await copyBetween(context, { from, to: outputLocation(output, from.repository) }, options);
}

/** `image push` */
export async function pushCommand(
  context: ImageContext,
  [files, reference]: readonly [string, string],
  { source, ...options }: CopyCommandOptions & { readonly source: string | undefined },
): Promise<void> {
  const found = await locateFiles(files);
  const from: FileLocation = source === undefined ? found : { ...found, name: source };
  await copyBetween(context, { from, to: parseRegistryLocation(reference) }, options);
}

/** `image list` */
export async function listCommand(
  { access, out }: ImageContext,
  name: string,
  options: ListCommandOptions,
): Promise<void> {
  const { digests, json } = options;
  const files = parseFileLocation(name);
  if (files) {
    out.write(listed(await listLayout(files), options));
    return;
  }
  const host = registryOnly(name);
  if (host !== undefined) {
    await using registry = await openRegistry(host, access);
    const repositories = await listRepositories(registry, host, access);
    out.write(json ? printed({ repositories }) : lines(repositories));
    return;
  }
  const location = parseRegistryLocation(name);
  await using registry = await openRegistry(location.host, access);
  out.write(listed(await listTags(registry, location, { digests, signal: access.signal }), options));
}

interface ListCommandOptions {
  readonly digests: boolean;
  readonly json: boolean;
}

function listed(tags: readonly ListedTag[], { digests, json }: ListCommandOptions): string {
  if (json) return printed({ tags });
  if (!digests) return lines(tags.map(({ tag }) => tag));
  const rows = tags.map(({ tag, digest = '' }) => [tag, digest]);
  return renderColumns(['TAG', 'DIGEST'], rows);
}

/** `image delete` */
export async function deleteCommand({ access, out }: ImageContext, name: string): Promise<void> {
  if (parseFileLocation(name)) throw new ImageError(`${name}: only images of registries can be deleted`);
  const location = parseRegistryLocation(name);
  await using registry = await openRegistry(location.host, access);
  await deleteImage(registry, location, access);
  out.write(`deleted ${name}\n`);
}

/** `image inspect` */
export async function inspectCommand(
  { access, out }: ImageContext,
  name: string,
  { platform, json, raw }: { readonly platform: string | undefined; readonly json: boolean; readonly raw: boolean },
): Promise<void> {
  const wanted = platform === undefined ? undefined : parsePlatform(platform);
  await using source = disposable(await openSource(parseLocation(name), access));
  if (raw) {
    // Unmodified, so that the digest of the output is the digest of the manifest.
    out.write((await source.root()).bytes);
    return;
  }
  const summary = await summarise(source, wanted);
  out.write(json ? printed(summary) : describeImage(summary));
}

async function copyBetween(
  context: ImageContext,
  { from, to }: { readonly from: ImageLocation; readonly to: ImageLocation },
  options: CopyCommandOptions,
): Promise<void> {
  const { err, out, access } = context;
  const platforms = options.platform.map(parsePlatform);
  const progress = options.quiet ? undefined : new ImageProgress(err);
  const warned = { ...access, onWarning: (text: string) => progress?.warn(text) };
  await using source = disposable(await openSource(from, warned));
  await using destination = disposable(await openDestination(to, warned, source));
  try {
    const { jobs, referrers } = options;
    const events = progress ?? NO_PROGRESS;
    const result = await copyImage(source, destination, { platforms, referrers, jobs, events, signal: access.signal });
    progress?.end();
    if (progress) err.write(conclusion(source, destination, { ...result, referrers }));
    out.write(`${result.root.digest}\n`);
  } finally {
    progress?.end();
  }
}

function conclusion(
  source: ImageSource,
  destination: ImageDestination,
  { isNarrowed, attachments, referrers }: CopyResult & { readonly referrers: boolean },
): string {
  const attached = referrers ? ` with ${count(attachments, 'attachment')}` : '';
  const note = isNarrowed ? ' (only the requested platforms, so the digest differs)' : '';
  return `copied ${source.name} to ${destination.name}${attached}${note}\n`;
}

/** `oci:directory`, or an archive for the name of a file. */
function outputLocation(output: string | undefined, repository: string): ImageLocation {
  if (output === undefined) return fileLocation('oci', repository.slice(repository.lastIndexOf('/') + 1));
  if (/^(?:oci|oci-archive|docker-archive):/.test(output)) return parseLocation(output);
  if (output.endsWith('.tar')) return fileLocation('oci-archive', output);
  throw new ImageError(`--output ${output}: use oci:${output} for a layout, or ${output}.tar for an archive`);
}

function fileLocation(kind: FileLocation['kind'], path: string): FileLocation {
  return { kind, path, name: undefined, digest: undefined };
}

function disposable<T extends { close(): Promise<void> }>(opened: T): T & AsyncDisposable {
  return Object.assign(opened, { [Symbol.asyncDispose]: () => opened.close() });
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}

function printed(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
