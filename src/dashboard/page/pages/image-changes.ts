import type { ImageConfig, ManifestView } from '../../../operations/manifest-control.ts';

export interface LayerChange {
  readonly change: 'kept' | 'added' | 'removed';
  readonly digest: string;
  readonly size: number;
  /** Among the layers of its image. */
  readonly i: number;
}

type Compared = Pick<ManifestView, 'parts' | 'config' | 'annotations'>;

/** The layers of the second image in their order, then those that it does not have any more. */
export function compareLayers(from: Compared, to: Compared): readonly LayerChange[] {
  const [before, after] = [from, to].map(({ parts }) => parts.filter(({ kind }) => kind === 'layer'));
  const known = new Set(before?.map(({ digest }) => digest));
  const wanted = new Set(after?.map(({ digest }) => digest));
  return [
    ...(after ?? []).map(({ digest, size }, i) => ({
      change: known.has(digest) ? ('kept' as const) : ('added' as const),
      digest,
      size,
      i,
    })),
    ...(before ?? [])
      .map(({ digest, size }, i) => ({ change: 'removed' as const, digest, size, i }))
      .filter(({ digest }) => !wanted.has(digest)),
  ];
}

export interface SettingChange {
  readonly name: string;
  /** Absent when the first image does not have it. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

export function compareSettings(from: Compared, to: Compared): readonly SettingChange[] {
  const [before, after] = [settingsOf(from), settingsOf(to)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((name) => ({ name, from: before.get(name), to: after.get(name) }))
    .filter((setting) => setting.from !== setting.to);
}

const PLAIN = ['created', 'author', 'os', 'architecture', 'variant', 'user', 'workingDir', 'stopSignal'] as const;
const LISTS = ['entrypoint', 'cmd', 'exposedPorts', 'volumes'] as const;

function settingsOf({ config, annotations }: Compared): Map<string, string> {
  const settings = new Map<string, string>();
  for (const [name, text] of Object.entries(annotations)) settings.set(`annotation ${name}`, text);
  if (config) addConfig(settings, config);
  return settings;
}

function addConfig(settings: Map<string, string>, config: ImageConfig): void {
  for (const name of PLAIN) if (config[name] !== undefined) settings.set(name, config[name]);
  for (const name of LISTS) if (config[name]?.length) settings.set(name, JSON.stringify(config[name]));
  for (const [name, text] of Object.entries(config.labels)) settings.set(`label ${name}`, text);
  for (const entry of config.env) {
    const at = entry.indexOf('=');
    settings.set(`env ${at === -1 ? entry : entry.slice(0, at)}`, at === -1 ? '' : entry.slice(at + 1));
  }
}
