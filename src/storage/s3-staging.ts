import type { StagedFile, StagingArea } from './staging.ts';

export class S3Staging implements StagingArea {
  readonly minPieceBytes = 5 * 1024 * 1024;

  create(): Promise<void> {
    return refuse();
  }

  size(): Promise<number> {
    return refuse();
  }

  hold(): Promise<StagedFile> {
    return refuse();
  }
}

async function refuse(): Promise<never> {
  throw new Error('this driver takes no uploads');
}
