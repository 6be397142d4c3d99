type Listeners<T> = { readonly [K in keyof T]: (...args: never[]) => unknown };

/**
 * The listeners of a caller, and `ignored` where it has none. They are called as methods of the caller's object, so that it may be an
 * instance of a class.
 */
export function completeEvents<T extends Listeners<T>>(ignored: T, given: Partial<T> | undefined): T {
  const names = Object.keys(ignored) as (keyof T & string)[];
  return Object.fromEntries(names.map((name) => [name, given?.[name]?.bind(given) ?? ignored[name]])) as unknown as T;
}
