const MIB = 1024 * 1024;

/** How requests are authorized. */
export type AzureCredentials =
  | { readonly kind: 'shared_key'; readonly key: string }
  | {
      readonly kind: 'client_secret';
      readonly tenantId: string;
      readonly clientId: string;
      readonly secret: string;
      readonly authority?: string | undefined;
    }
  /** A token of Kubernetes in a file, exchanged for one of Azure. */
  | {
      readonly kind: 'workload_identity';
      readonly tenantId: string;
      readonly clientId: string;
      readonly tokenFile: string;
      readonly authority?: string | undefined;
    }
  /** The identity of a virtual machine. */
  | {
      readonly kind: 'managed_identity';
      readonly clientId?: string | undefined;
      readonly endpoint?: string | undefined;
    };

/** A container of Azure Blob Storage, and how to access it. */
export interface AzureOptions {
  readonly account: string;
  readonly container: string;
  readonly credentials: AzureCredentials;
  /** URL of the account's blobs. @default `https://<account>.blob.core.windows.net` */
  readonly serviceUrl?: string | undefined;
  /** Prefix of every name. @default '' */
  readonly rootDirectory?: string;
  /** Whether names begin with a slash, as version 2 of distribution wrote them. Absent: whether the container has such. */
  readonly hasLeadingSlash?: boolean | undefined;
  /** Size of a block of an upload. Bytes. @default 8 MiB */
  readonly blockBytes?: number;
}

export interface AzureSettings extends AzureOptions {
  readonly serviceUrl: string;
  readonly rootDirectory: string;
  readonly blockBytes: number;
}

export function withDefaults(options: AzureOptions): AzureSettings {
  return {
    ...options,
    serviceUrl: options.serviceUrl ?? `https://${options.account}.blob.core.windows.net`,
    rootDirectory: options.rootDirectory ?? '',
    blockBytes: options.blockBytes ?? 8 * MIB,
  };
}
