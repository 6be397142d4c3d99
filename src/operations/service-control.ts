/** How the service is set up: the same interface in the process and over the admin API. */
export interface ServiceControl {
  config(): Promise<ConfigView>;
}

/** The configuration in effect, without secrets. */
export interface ConfigView {
  /** Path of the file; `built-in default` without one. */
  readonly source: string;
  /** With all defaults; durations in milliseconds, sizes in bytes. Empty when it is larger than 512 KiB. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Keys that do not have their default, in the order of the configuration. 2000 at most. */
  readonly keys: readonly ConfiguredKey[];
  /** Valid settings that do not have the effect they seem to have. */
  readonly warnings: readonly string[];
  /** Effects that an operator may not expect. */
  readonly notices: readonly string[];
  /** Keys that were changed by a reload, and need a restart. */
  readonly pendingRestart: readonly string[];
}

export interface ConfiguredKey {
  /** With dots, and places in lists: `proxy.upstreams.0.remoteurl`. */
  readonly key: string;
  readonly origin: 'file' | 'environment';
  /** `config.yml:12:5`, or the name of the variable. */
  readonly where: string;
}
