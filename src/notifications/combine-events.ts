/**
 * An object that does what `first` does, and tells `second` of the calls that it has a method for.
 *
 * @param second its methods are called after, and their results are not looked at
 */
export function combineEvents<T extends object>(first: T, second: Partial<T>): T {
  return new Proxy(first, {
    get(target, name) {
      const own: unknown = Reflect.get(target, name, target);
      const other: unknown = Reflect.get(second, name, second);
      if (typeof own !== 'function') return own;
      return (...args: unknown[]) => {
        const result: unknown = Reflect.apply(own, target, args);
        if (typeof other === 'function') Reflect.apply(other, second, args);
        return result;
      };
    },
  });
}
