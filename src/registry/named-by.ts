/** How a request named its registry: by `ns`, the first segment of the path, `Host`, or not at all. */
export type NamedBy = 'ns' | 'prefix' | 'host' | 'default';
