import { access, constants, stat } from 'node:fs/promises';
import type { Finding } from './problem.ts';
import { scalarValuesOf } from './scalar-values.ts';
import type { FileContent } from './schema/value-info.ts';
import type { Shape } from './shape.ts';

/** @returns why a file cannot be used, with its path. Undefined when it can */
export type CheckContent = (content: FileContent, path: string) => Promise<string | undefined>;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'the file does not exist',
  ENOTDIR: 'the file does not exist',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

/** Files that the configuration names and this process cannot read, or that do not have the expected content. */
export async function findMissingFiles(plain: unknown, shape: Shape, check?: CheckContent): Promise<Finding[]> {
  const files = scalarValuesOf(plain, shape).filter((value) => value.shape.isFile);
  const findings = await Promise.all(
    files.map(async ({ path, text, shape: { mayBeDirectory, content } }): Promise<Finding[]> => {
      const reason = await whyUnreadable(text, mayBeDirectory === true);
      if (reason === undefined) {
        const unusable = content && (await check?.(content, text));
        return unusable === undefined ? [] : [{ path, part: 'value', message: unusable }];
      }
      const message = `cannot read ${quote(text)}: ${reason} (change the path, or provide the file)`;
      return [{ path, part: 'value', message }];
    }),
  );
  return findings.flat();
}

async function whyUnreadable(path: string, mayBeDirectory: boolean): Promise<string | undefined> {
  try {
    await access(path, constants.R_OK);
    return !mayBeDirectory && (await stat(path)).isDirectory() ? REASONS['EISDIR'] : undefined;
  } catch (err) {
    const code = err instanceof Error && 'code' in err ? String(err.code) : 'unknown error';
    return REASONS[code] ?? code;
  }
}

/** Long text, or text with line breaks, is content instead of a path, such as a private key: it is not repeated. */
function quote(path: string): string {
  return path.length > 255 || path.includes('\n') ? 'the file' : path;
}
