import type { KeyObject } from 'node:crypto';

import { parsePrivateKey, parsePublicKey } from '../bundles/signature.ts';
import { readSmallFile } from '../images/layout-files.ts';

/** Bytes. */
const MAX_KEY_BYTES = 8 * 1024;

/** @throws {ImageError} */
export async function findPrivateKey(path: string | undefined): Promise<KeyObject | undefined> {
  return path === undefined ? undefined : parsePrivateKey(await readText(path), path);
}

/** @throws {ImageError} */
export async function findPublicKey(path: string | undefined): Promise<KeyObject | undefined> {
  return path === undefined ? undefined : parsePublicKey(await readText(path), path);
}

async function readText(path: string): Promise<string> {
  return (await readSmallFile(path, MAX_KEY_BYTES)).toString('utf8');
}
