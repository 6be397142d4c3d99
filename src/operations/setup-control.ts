/** How clients are set up for this cache: the same interface in the process and over the admin API. */
export interface SetupControl {
  /** @throws {ControlError} `invalid` */
  setup(query: SetupQuery): Promise<SetupView>;
}

export interface SetupQuery {
  /** Absent: the first one. */
  readonly client?: string | undefined;
  /** URL at which the client reaches the cache. Absent: that of the configuration, or of the request. */
  readonly address?: string | undefined;
  /** Registries, with commas between them. Absent: every one, where the client can. */
  readonly registries?: string | undefined;
  /** The client must not use registries directly, where that can be configured. */
  readonly enforce?: boolean | undefined;
}

export interface SetupView {
  readonly client: string;
  readonly title: string;
  readonly address: string;
  /** All that can be set up. */
  readonly clients: readonly { readonly name: string; readonly title: string }[];
  /** Files and commands, in their order. */
  readonly texts: readonly { readonly title: string; readonly text: string }[];
  /** When the files take effect, with the command for it. */
  readonly takesEffect: string;
  readonly notes: readonly string[];
  /** Of {@link SetupQuery.enforce}: what prevents direct pulls, or why they are still possible. */
  readonly enforcement?: string | undefined;
}
