import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';

import type { VerificationView } from '../../../operations/verify-log.ts';
import { call } from '../state/call.ts';
import { isPaused, isVisible } from '../state/refresher.ts';
import { onServerEvent } from '../state/server-events.ts';
import { texts } from '../texts.ts';
import { Code } from '../view/copy.tsx';
import { Foreign } from '../view/foreign.tsx';
import { Notice, Section } from '../view/frame.tsx';

const words = texts.verify;

/** Without events, while the user waits for a client. Milliseconds. */
const POLL_MS = 2_000;
/** After that the user has gone. Milliseconds. */
const POLL_FOR_MS = 600_000;

/** A client pulls an image that only this cache has, and appears here when it did. */
export function Verify({ address, client }: { address: string; client: string }): JSX.Element {
  const nonce = useSignal<string | undefined>(undefined);
  return (
    <Section title={words.title}>
      <p>{words.intro}</p>
      {nonce.value === undefined ? (
        <p>
          <button type="button" class="primary" onClick={() => (nonce.value = randomNonce())}>
            {words.start}
          </button>
        </p>
      ) : (
        <Waiting nonce={nonce.value} command={commandOf(client, nonce.value, address)} />
      )}
    </Section>
  );
}

function Waiting({ nonce, command }: { nonce: string; command: string }): JSX.Element {
  const seen = useVerifications(nonce);
  return (
    <>
      <Code text={command} what={words.command} />
      <div role="status">
        {seen.length === 0 ? (
          <p class="loading">{words.waiting}</p>
        ) : (
          seen.map((each) => <Verified key={`${each.at}${each.method}`} of={each} />)
        )}
      </div>
    </>
  );
}

function Verified({ of }: { of: VerificationView }): JSX.Element {
  const { status, address = texts.none, userAgent = texts.none, namedBy, isSecure } = of;
  return (
    <Notice tone={status === 200 ? 'good' : 'bad'}>
      <p>
        <strong>{status === 200 ? words.works : words.refused(status)}</strong>
      </p>
      <p>
        <Foreign text={address} /> · <Foreign text={userAgent} maxLength={120} /> · {texts.clients.forms[namedBy]} ·{' '}
        {isSecure ? words.secure : words.plain}
      </p>
    </Notice>
  );
}

/** By events, and by polling, which also works without them; only while this page is seen. */
function useVerifications(nonce: string): readonly VerificationView[] {
  const seen = useSignal<readonly VerificationView[]>([]);
  useEffect(() => {
    const started = Date.now();
    const load = async () => {
      const { verifications } = await call<{ verifications: readonly VerificationView[] }>(`/verify/${nonce}`);
      seen.value = verifications;
    };
    const timer = setInterval(() => {
      const isWatched = isVisible.value && !isPaused.value && Date.now() - started < POLL_FOR_MS;
      if (isWatched && seen.value.length === 0) void load().catch(() => {});
    }, POLL_MS);
    const stop = onServerEvent('verify', () => void load().catch(() => {}));
    return () => {
      clearInterval(timer);
      stop();
    };
  }, [nonce]);
  return seen.value;
}

function randomNonce(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The command of the client that goes through its mirror settings, not to this cache by name. */
function commandOf(client: string, nonce: string, address: string): string {
  const image = `docker.io/layover-verify/${nonce}:latest`;
  switch (client) {
    case 'podman':
    case 'crio':
      return `podman pull ${image}`;
    case 'containerd':
      return `ctr image pull --hosts-dir /etc/containerd/certs.d ${image}`;
    case 'k3s':
    case 'rke2':
      return `k3s crictl pull ${image}`;
    case 'buildkit':
      return `printf 'FROM ${image}\\n' | docker buildx build -`;
    case 'docker':
      return `docker pull layover-verify/${nonce}`;
    default:
      return words.other(image, address);
  }
}
