/** An image name that a list contains. */
export interface FoundImage {
  /** As it is written there. */
  readonly name: string;
  /** File, and the line or the object in it, for messages. */
  readonly origin: string;
  /** Of a lock: its platforms; empty: all. Absent in other lists. */
  readonly platforms?: readonly string[] | undefined;
}

/** A part of a list whose images are not known. */
export interface ListProblem {
  readonly origin: string;
  readonly message: string;
}

export interface FoundImages {
  readonly images: readonly FoundImage[];
  readonly problems: readonly ListProblem[];
}

/** Collects the images of one list. */
export class ImageFinder implements FoundImages {
  readonly images: FoundImage[] = [];
  readonly problems: ListProblem[] = [];
  readonly #origin: string;

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** @param place in the list, such as a line */
  add(name: string, place?: string): void {
    this.#add(name, { origin: this.#at(place) });
  }

  /** An image of a lock. */
  addLocked(name: string, platforms: readonly string[]): void {
    this.#add(name, { origin: this.#at(undefined), platforms });
  }

  refuse(message: string, place?: string): void {
    this.problems.push({ origin: this.#at(place), message });
  }

  #add(name: string, more: Omit<FoundImage, 'name'>): void {
    this.images.push({ name: name.replace(/^docker:\/\//, ''), ...more });
  }

  #at(place: string | undefined): string {
    return place === undefined ? this.#origin : `${this.#origin}: ${place}`;
  }
}
