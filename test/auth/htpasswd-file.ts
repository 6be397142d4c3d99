import { hash } from '@node-rs/bcrypt';

/** The lowest cost of bcrypt. */
const COST = 4;

/** The text of a file with these users, in the format of `htpasswd -nbB`. */
export async function htpasswdOf(users: Readonly<Record<string, string>>): Promise<string> {
  const lines = Object.entries(users).map(async ([user, password]) => {
    return `${user}:${(await hash(password, COST)).replace('$2b$', '$2y$')}\n`;
  });
  return (await Promise.all(lines)).join('');
}

export function basic(user: string, password: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}
