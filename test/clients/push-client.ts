/** A container client with storage of its own, that takes images from one registry to another. */
export interface PushClient extends AsyncDisposable {
  /** One image. Both names have registry and tag, such as `127.0.0.1:5000/team/app:1`; both registries speak plain HTTP. */
  copy(from: string, to: string): Promise<void>;
  /** An index with all of its images; absent when the client has no way to. */
  copyIndex?(from: string, to: string): Promise<void>;
  /** For the pushes that follow. @throws {Error} with what the client says, when it tries them and they are refused */
  login(registry: string, user: string, password: string): Promise<void>;
}

/** One kind of client. */
export interface PushClientKind {
  readonly name: string;
  /** Programs it takes. */
  readonly programs: readonly string[];
  readonly needsRoot: boolean;
  start(): Promise<PushClient>;
  /** Another client, which pulls what was pushed. */
  readonly puller: Puller;
  /** It begins anew by itself whichever way a connection breaks. */
  readonly triesAgain: boolean;
}

export interface Puller {
  readonly programs: readonly string[];
  /** @returns digest of the image's configuration, by which clients know an image */
  pull(image: string): Promise<string>;
}
