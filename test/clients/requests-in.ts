/** `PUT /v2/team/app/manifests/1 201`, one for each line of the access log. */
export function requestsIn(log: string): readonly string[] {
  const field = (line: string, name: string) => new RegExp(`http\\.${name}="?([^" ]+)`).exec(line)?.[1];
  return log
    .split('\n')
    .filter((line) => line.includes('response completed'))
    .map((line) => ['request.method', 'request.uri', 'response.status'].map((name) => field(line, name)).join(' '));
}
