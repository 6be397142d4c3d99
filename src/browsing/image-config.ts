import type { Digest } from '../oci/digest.ts';
import type { HistoryStep, ImageConfig } from '../operations/manifest-control.ts';
import { isRecord, parseRecord, type TextLimit } from './cut-text.ts';

/** A layer, as its manifest describes it. */
export interface ConfiguredLayer {
  readonly digest: Digest;
  readonly size: number;
}

const MAX_TEXT = 4096;
const MAX_ITEMS = 200;
const MAX_HISTORY = 300;
const MAP = { entries: MAX_ITEMS, length: MAX_TEXT };

/**
 * The config of an image, with its history joined to the layers. Fields of another type than that of the specification are left out.
 *
 * @returns undefined when the bytes are not a JSON object
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
 */
export function readImageConfig(
  bytes: Uint8Array,
  layers: readonly ConfiguredLayer[],
  limit: TextLimit,
): ImageConfig | undefined {
  const image = parseRecord(bytes);
  if (!image) return undefined;
  const config = isRecord(image['config']) ? image['config'] : {};
  const text = (from: Readonly<Record<string, unknown>>, key: string) => textOf(from[key], limit);
  return {
    created: text(image, 'created'),
    author: text(image, 'author'),
    os: text(image, 'os'),
    architecture: text(image, 'architecture'),
    variant: text(image, 'variant'),
    user: text(config, 'User'),
    workingDir: text(config, 'WorkingDir'),
    entrypoint: listOf(config['Entrypoint'], limit),
    cmd: listOf(config['Cmd'], limit),
    env: listOf(config['Env'], limit) ?? [],
    labels: limit.record(config['Labels'], MAP),
    exposedPorts: keysOf(config['ExposedPorts'], limit),
    volumes: keysOf(config['Volumes'], limit),
    stopSignal: text(config, 'StopSignal'),
    history: historyOf(image['history'], layers, limit),
  };
}

/** Steps with a layer have the layers in their order; those behind the last layer have none. */
function historyOf(value: unknown, layers: readonly ConfiguredLayer[], limit: TextLimit): HistoryStep[] {
  let next = 0;
  const steps = limit.first(Array.isArray(value) ? value : [], MAX_HISTORY).filter(isRecord);
  return steps.map((step) => {
    const layer = step['empty_layer'] === true ? undefined : layers[next++];
    return {
      created: textOf(step['created'], limit),
      createdBy: textOf(step['created_by'], limit),
      comment: textOf(step['comment'], limit),
      layer: layer?.digest,
      size: layer?.size,
    };
  });
}

function textOf(value: unknown, limit: TextLimit): string | undefined {
  return typeof value === 'string' && value !== '' ? limit.cut(value, MAX_TEXT) : undefined;
}

function listOf(value: unknown, limit: TextLimit): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const texts = value.filter((each) => typeof each === 'string');
  return limit.first(texts, MAX_ITEMS).map((each) => limit.cut(each, MAX_TEXT));
}

function keysOf(value: unknown, limit: TextLimit): string[] {
  return listOf(isRecord(value) ? Object.keys(value) : [], limit) ?? [];
}
