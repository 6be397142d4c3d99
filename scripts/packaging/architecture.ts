/** As Debian and the OCI image specification name them. */
export const ARCHITECTURES = ['amd64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** As npm and Node.js name them. */
export const NPM_CPU: Readonly<Record<Architecture, string>> = { amd64: 'x64', arm64: 'arm64' };

/** @throws {Error} for a name that is not an architecture */
export function parseArchitecture(name: string): Architecture {
  const found = ARCHITECTURES.find((architecture) => architecture === name);
  if (found === undefined) throw new Error(`--arch: "${name}" is not supported (use ${ARCHITECTURES.join(', ')})`);
  return found;
}
