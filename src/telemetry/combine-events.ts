/**
 * Event objects of one interface as one. Each call goes to `first`, and then to `second` when it has the method.
 *
 * @returns an object that returns what `first` returns
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
