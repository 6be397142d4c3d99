import { cutText } from './cut-text.ts';

/** `os/architecture[/variant]` of a platform in an image index. */
export function platformName(platform: Readonly<Record<string, unknown>> | undefined): string {
  const { os, architecture, variant } = platform ?? {};
  const texts = [os, architecture, variant].filter((part) => typeof part === 'string' && part !== '');
  return texts.length < 2 ? 'unknown/unknown' : cutText(texts.join('/'), 64);
}
