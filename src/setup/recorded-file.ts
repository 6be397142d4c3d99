/** A file that setup wrote, with how to undo that. */
export interface RecordedFile {
  /** On the client's machine. */
  readonly path: string;
  /** In base64. Absent when there was no file. */
  readonly before?: string;
  /** Of the file that setup wrote. */
  readonly after: string;
  /** It was changed by hand between two runs: {@link before} is from before the last one, with settings of the first. */
  readonly isEdited?: boolean;
}

/** @param known the record of an earlier run */
export function recordOf(
  { path, from, to }: { readonly path: string; readonly from: Buffer | undefined; readonly to: Buffer | undefined },
  known: RecordedFile | undefined,
): RecordedFile {
  const isContinued = known !== undefined && isAsWritten(known, from);
  const before = isContinued ? known.before : from?.toString('base64');
  const isEdited = known !== undefined && (isContinued ? known.isEdited === true : isChangedByHand(known, from));
  return {
    path,
    ...(before !== undefined && { before }),
    after: (to ?? Buffer.alloc(0)).toString('base64'),
    ...(isEdited && { isEdited }),
  };
}

export function isAsWritten({ after }: RecordedFile, file: Buffer | undefined): boolean {
  return file?.equals(bytesOf(after)) === true;
}

/** Neither as setup left it, nor as it was before, nor removed. */
function isChangedByHand(record: RecordedFile, file: Buffer | undefined): boolean {
  return file !== undefined && !isAsWritten(record, file) && beforeOf(record)?.equals(file) !== true;
}

export function beforeOf({ before }: RecordedFile): Buffer | undefined {
  return before === undefined ? undefined : bytesOf(before);
}

function bytesOf(base64: string): Buffer {
  return Buffer.from(base64, 'base64');
}
