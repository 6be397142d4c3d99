import type { CredentialsSource } from './credentials.ts';
import { HelperAnswers, type HelperAnswersOptions } from './helper-answers.ts';

export interface ExecCredentialsOptions extends HelperAnswersOptions {
  readonly command: string;
}

/** A credential helper named in the configuration. */
export function execCredentials({ command, ...options }: ExecCredentialsOptions): CredentialsSource {
  const answers = new HelperAnswers(options);
  const find = (host: string) => answers.find(command, host);
  return { kind: 'exec', knowsHosts: false, find, forget: () => answers.forget() };
}
