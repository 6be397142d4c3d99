import type { JSX } from 'preact';

import type { SetupView } from '../../../operations/setup-control.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { Code } from '../view/copy.tsx';
import { Tabs } from '../view/tabs.tsx';
import { shellArgument } from '../view/visible-text.ts';

const CLIENTS = ['docker', 'podman', 'crictl', 'ctr', 'skopeo', 'crane'] as const;
type Client = (typeof CLIENTS)[number];

/** How to pull an image, by tag or digest. */
export function PullCommands({ repository, reference }: { repository: string; reference: string }): JSX.Element | null {
  const { data } = useResource<SetupView>('/setup', { isStatic: true });
  if (!data) return null;
  const { host, protocol } = new URL(data.address);
  const name = `${host}/${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
  return (
    <Tabs label={texts.pullWith} names={CLIENTS} textOf={(client) => client} parameter="client">
      {(client) => <Code text={commandOf(client, name, protocol === 'http:')} what={texts.pullCommand} />}
    </Tabs>
  );
}

/** @param isPlain the cache has no TLS */
function commandOf(client: Client, image: string, isPlain: boolean): string {
  const name = shellArgument(image);
  switch (client) {
    case 'docker':
      return `docker pull ${name}`;
    case 'podman':
      return `podman pull ${isPlain ? '--tls-verify=false ' : ''}${name}`;
    case 'crictl':
      return `crictl pull ${name}`;
    case 'ctr':
      return `ctr image pull ${isPlain ? '--plain-http ' : ''}${name}`;
    case 'skopeo':
      return `skopeo inspect ${isPlain ? '--tls-verify=false ' : ''}${shellArgument(`docker://${image}`)}`;
    case 'crane':
      return `crane manifest ${isPlain ? '--insecure ' : ''}${name}`;
  }
}
