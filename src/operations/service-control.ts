/** How the service is set up: the same interface in the process and over the admin API. */
export interface ServiceControl {
  config(): Promise<ConfigView>;
  replicas(): Promise<ReplicaList>;
}

export interface ConfigView {
  /** Of the configuration file. Absent without one. */
  readonly file?: string | undefined;
  /** In the order of the documentation. */
  readonly values: readonly ConfigValue[];
  /** Problems of the configuration that do not prevent a start. */
  readonly warnings: readonly string[];
}

export interface ConfigValue {
  /** With dots: `storage.quota.size`. */
  readonly key: string;
  /** As in the configuration; secrets are replaced. */
  readonly value: unknown;
  readonly origin: 'file' | 'environment' | 'default';
}

export interface ReplicaList {
  /** This process, and the replicas that share its Redis. */
  readonly replicas: readonly ReplicaView[];
}

export interface ReplicaView {
  /** Address for other replicas, or `this process` without replicas. */
  readonly name: string;
  readonly isSelf: boolean;
  readonly version?: string | undefined;
  readonly startedAt?: string | undefined;
}
