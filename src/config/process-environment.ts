import { env } from 'node:process';

/** The environment of the process. Only read here; other modules get the variables that they need as parameters. */
export const processEnvironment: Readonly<Record<string, string | undefined>> = env;
