/** An image name that a list contains. */
export interface FoundImage {
  /** As it is written there. */
  readonly name: string;
  /** File, and the line or the object in it, for messages. */
  readonly origin: string;
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
    this.images.push({ name: name.replace(/^docker:\/\//, ''), origin: this.#at(place) });
  }

  refuse(message: string, place?: string): void {
    this.problems.push({ origin: this.#at(place), message });
  }

  #at(place: string | undefined): string {
    return place === undefined ? this.#origin : `${this.#origin}: ${place}`;
  }
}
