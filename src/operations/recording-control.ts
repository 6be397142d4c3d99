import type { Digest } from '../oci/digest.ts';

/** Recordings of what clients pull: the same interface in the process and over the admin API. */
export interface RecordingControl {
  /** @throws {ControlError} `held` when there is one with the name */
  startRecording(request: RecordingRequest): Promise<Recording>;
  /** Ends a recording. @throws {ControlError} `not-found` */
  stopRecording(name: string): Promise<RecordedImages>;
}

export interface RecordingRequest {
  readonly name: string;
  /** Only pulls of this client: its name, address or network. Absent: of all. */
  readonly client?: string | undefined;
  /** Only images of this upstream. Absent: of all. */
  readonly upstream?: string | undefined;
  /** Later pulls do not belong to it. Milliseconds. @default a day */
  readonly forMs?: number | undefined;
}

/** Times in Unix milliseconds. */
export interface Recording extends Omit<RecordingRequest, 'forMs'> {
  readonly startedAt: number;
  readonly endsAt: number;
}

/** Pulled images, as a lock has them. */
export interface RecordedImages {
  readonly images: readonly RecordedImage[];
  /** Images that cannot be locked, with the reason. */
  readonly problems: readonly string[];
}

export interface RecordedImage {
  readonly name: string;
  readonly digest: Digest;
  readonly size: number;
  /** Of an index: those that were pulled. */
  readonly manifests: readonly { readonly digest: Digest; readonly platform?: string }[];
  readonly attachments: readonly [];
}
