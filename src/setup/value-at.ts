/** The value at a path of keys. Absent when any of them is: keys such as `constructor` are names of registries, too. */
export function valueAt(content: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<string, unknown>)[key]
        : undefined,
    content,
  );
}
