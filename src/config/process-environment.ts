import { env } from 'node:process';

/** The only place that reads the process's environment; everybody else is given what they need of it. */
export const processEnvironment: Readonly<Record<string, string | undefined>> = env;
