import type { Finding } from './problem.ts';
import { scalarValuesOf } from './scalar-values.ts';
import type { Shape } from './shape.ts';
import { isHonoured } from './support.ts';

/** Durations without a unit. Distribution reads them as nanoseconds, which is hardly ever meant. */
export function findBareDurations(plain: unknown, shape: Shape): Finding[] {
  return scalarValuesOf(plain, shape)
    .filter(({ text, shape: { isNanoseconds } }) => isNanoseconds && /^[-+]?\d*[1-9]\d*$/.test(text))
    .filter(({ path }) => isHonoured(path.filter((part) => typeof part === 'string')))
    .map(({ path, text }) => ({
      path,
      part: 'value',
      message: `${text} means ${text} nanoseconds, as in distribution; add a unit, such as ${text}s or ${text}h`,
    }));
}
