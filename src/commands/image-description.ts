import type { ImageDetails, ImageSummary } from '../images/summary.ts';
import { formatBytes, renderColumns } from './table.ts';

/** The text of `image inspect`. */
export function describeImage(summary: ImageSummary): string {
  const { name, digest, mediaType, artifactType, subject, annotations, manifests, image } = summary;
  const head: Fields = [
    ['Name', name],
    ['Digest', digest],
    ['Type', mediaType],
    ['Artifact type', image?.config?.mediaType === artifactType ? undefined : artifactType],
    ['Attached to', subject],
    ...pairs('Annotations', annotations),
  ];
  const parts = [fields(head)];
  if (manifests) {
    const rows = manifests.map((entry) => [entry.platform ?? '', entry.digest, formatBytes(entry.size)]);
    parts.push(renderColumns(['PLATFORM', 'MANIFEST', '>SIZE'], rows));
  }
  if (image) parts.push(fields(imageFields(image, digest)), layerTable(image));
  return parts.filter((part) => part !== '').join('\n');
}

type Fields = readonly (readonly [label: string, value: string | undefined])[];

function imageFields(image: ImageDetails, shown: string): Fields {
  return [
    ['Image', image.digest === shown ? undefined : image.digest],
    ['Platform', image.platform],
    ['Created', image.created],
    ['Config', image.config?.digest],
    ['Entrypoint', list(image.entrypoint)],
    ['Command', list(image.cmd)],
    ['Working dir', image.workingDir],
    ['User', image.user],
    ['Ports', image.exposedPorts?.join(', ')],
    ...(image.env ?? []).map((text, i) => [i === 0 ? 'Environment' : '', text] as const),
    ...pairs('Labels', image.labels),
  ];
}

function layerTable({ layers, layersSize }: ImageDetails): string {
  if (layers.length === 0) return '';
  const rows = layers.map(({ digest, size, mediaType }) => [digest, formatBytes(size), mediaType]);
  return renderColumns([`LAYER (${layers.length}, ${formatBytes(layersSize)})`, '>SIZE', 'TYPE'], rows);
}

function pairs(label: string, values: Readonly<Record<string, string>> | undefined): Fields {
  return Object.entries(values ?? {}).map(([key, value], i) => [i === 0 ? label : '', `${key}=${value}`] as const);
}

function list(texts: readonly string[] | undefined): string | undefined {
  return texts && JSON.stringify(texts);
}

function fields(rows: Fields): string {
  return rows
    .filter(([, value]) => value !== undefined)
    .map(([label, value = '']) => `${label.padEnd(14)} ${printable(value)}\n`)
    .join('');
}

/** Escapes what a terminal does not print as it is, or prints in another order: text of an image must not control it. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escaped);
}

function escaped(character: string): string {
  const short = JSON.stringify(character).slice(1, -1);
  return short === character ? `\\u{${character.codePointAt(0)?.toString(16)}}` : short;
}
