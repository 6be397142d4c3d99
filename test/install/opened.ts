import { closeOnFailure } from '../../src/service/close-stack.ts';

/** Starts things after each other; what the result disposes of is all of them, the last first. */
export function open<T extends object>(
  start: (use: <R extends AsyncDisposable>(resource: R) => R) => Promise<T>,
): Promise<T & AsyncDisposable> {
  return closeOnFailure(async (opened) => {
    const started = await start((resource) => {
      opened.defer(() => resource[Symbol.asyncDispose]());
      return resource;
    });
    return Object.assign(started, { [Symbol.asyncDispose]: () => opened.close() });
  });
}
