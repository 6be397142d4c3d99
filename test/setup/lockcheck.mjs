// Says whether package-lock.json is whole: `npm ci` fails on another platform when an optional dependency that a locked
// package names is not locked itself, and nothing tells on the machine where it was left out.
//   node test/setup/lockcheck.mjs [package-lock.json]
import { readFileSync } from 'node:fs';

const file = process.argv[2] ?? 'package-lock.json';
const { packages = {} } = JSON.parse(readFileSync(file, 'utf8'));
const missing = Object.entries(packages).flatMap(([place, { version, optionalDependencies = {} }]) =>
  Object.keys(optionalDependencies)
    .filter((name) => !canResolve(place, name))
    .map((name) => `${place || '(this package)'}${version ? `@${version}` : ''} needs ${name}, which is not locked`),
);

for (const line of missing) process.stderr.write(`${file}: ${line}\n`);
if (Object.keys(packages).length === 0) process.stderr.write(`${file}: locks nothing\n`);
process.exitCode = missing.length > 0 || Object.keys(packages).length === 0 ? 1 : 0;

/** As Node.js looks for a package: in the place's own node_modules, then in those above. */
function canResolve(place, name) {
  for (let at = place; ; at = above(at)) {
    if (packages[at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`]) return true;
    if (at === '') return false;
  }
}

/** `node_modules/a/node_modules/b` → `node_modules/a` → the root. */
function above(place) {
  return place.slice(0, Math.max(0, place.lastIndexOf('node_modules/') - 1));
}
