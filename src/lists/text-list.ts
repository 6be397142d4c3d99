import type { ImageFinder } from './found-images.ts';

/** One name on each line, such as `k3s-images.txt`. Text after `#` is a comment. */
export function findInText(text: string, found: ImageFinder): void {
  for (const [i, line] of text.split('\n').entries()) {
    const [name = '', ...more] = line
      .replace(/(?:^|\s)#.*$/, '')
      .trim()
      .split(/\s+/);
    if (more.length > 0) found.refuse('more than one word (one image on each line)', `line ${i + 1}`);
    else if (name !== '') found.add(name, `line ${i + 1}`);
  }
}
