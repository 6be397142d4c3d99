/** A container client with storage of its own, set up to pull through Layover. */
export interface PullClient extends AsyncDisposable {
  /** @param image with registry and tag, such as `docker.io/library/app:1` */
  pull(image: string): Promise<void>;
  /** Afterwards the client has nothing of the image left. */
  remove(image: string): Promise<void>;
  /** Runs a pulled image to its end. @returns what it printed; undefined for clients that do not run images */
  run(image: string): Promise<string | undefined>;
}

/** One kind of client. */
export interface PullClientKind {
  readonly name: string;
  /** Programs it takes. */
  readonly programs: readonly string[];
  /** @param mirror origin of Layover, such as `http://127.0.0.1:5000` */
  start(mirror: string): Promise<PullClient>;
}
