import { createHash, generateKeyPairSync, sign } from 'node:crypto';

import { initializeCA, initializeCTLog, initializeTLog } from '@sigstore/mock';

import type { Digest } from '../../src/oci/digest.ts';
import { BUNDLE } from './material.ts';

export interface KeylessOptions {
  /** URL. */
  readonly subject: string;
  readonly issuer: string;
  /** Of the signed statement. */
  readonly change?: (statement: Record<string, unknown>) => void;
  readonly payloadType?: string;
}

interface LogEntry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logID: string;
  readonly logIndex: number;
  readonly verification: {
    readonly inclusionProof: { logIndex: number; treeSize: number; rootHash: string; checkpoint: string };
    readonly signedEntryTimestamp: string;
  };
}

interface Keys {
  readonly publicKey: ReturnType<typeof newKeys>['publicKey'];
  readonly privateKey: ReturnType<typeof newKeys>['privateKey'];
}

const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ISSUER_OID = '1.3.6.1.4.1.57264.1.8';
const HOST = 'rekor.example';
const YEAR_MS = 365 * 86_400_000;

/** Certificate authority, log of certificates and log of signatures without a network: what signs without keys of its own. */
export class Keyless {
  readonly #ca: Awaited<ReturnType<typeof initializeCA>>;
  readonly #ctLog: Awaited<ReturnType<typeof initializeCTLog>>;
  readonly #log: Awaited<ReturnType<typeof initializeTLog>>;

  private constructor(
    ca: Awaited<ReturnType<typeof initializeCA>>,
    ctLog: Awaited<ReturnType<typeof initializeCTLog>>,
    log: Awaited<ReturnType<typeof initializeTLog>>,
  ) {
    this.#ca = ca;
    this.#ctLog = ctLog;
    this.#log = log;
  }

  static async create(): Promise<Keyless> {
    const ctLog = await initializeCTLog(newKeys());
    return new Keyless(await initializeCA(newKeys(), ctLog), ctLog, await initializeTLog(`https://${HOST}`, newKeys()));
  }

  /** `trusted_root.json` with everything, or without a part of it. */
  trustedRoot({
    without,
    ended = {},
  }: {
    readonly without?: 'ctlogs' | 'tlogs';
    readonly ended?: { tlogs?: Date };
  } = {}) {
    const validFor = { start: new Date(Date.now() - YEAR_MS).toISOString() };
    const root = {
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      certificateAuthorities: [
        {
          uri: 'https://fulcio.example',
          certChain: { certificates: [{ rawBytes: base64(this.#ca.rootCertificate) }] },
          validFor,
        },
      ],
      ctlogs: [logOf(this.#ctLog.publicKey, validFor)],
      tlogs: [logOf(this.#log.publicKey, ended.tlogs ? { ...validFor, end: ended.tlogs.toISOString() } : validFor)],
      timestampAuthorities: [],
    };
    if (without) root[without] = [];
    return JSON.stringify(root);
  }

  /** A bundle as cosign 3 writes it without a key. */
  async sign(digest: Digest, options: KeylessOptions): Promise<Buffer> {
    const { change, payloadType = 'application/vnd.in-toto+json' } = options;
    const keys = newKeys();
    const certificate = await this.#certificateOf(keys, options);
    const statement = {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: digest.slice(7) } }],
      predicateType: 'https://sigstore.dev/cosign/sign/v1',
      predicate: {},
    };
    change?.(statement);
    const payload = Buffer.from(JSON.stringify(statement));
    const head = `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `;
    const sig = sign('sha256', Buffer.concat([Buffer.from(head), payload]), keys.privateKey).toString('base64');
    return Buffer.from(
      JSON.stringify({
        mediaType: BUNDLE,
        verificationMaterial: {
          certificate: { rawBytes: certificate.toString('base64') },
          tlogEntries: [await this.#entryOf({ payload, sig, certificate })],
          timestampVerificationData: { rfc3161Timestamps: [] },
        },
        dsseEnvelope: { payload: payload.toString('base64'), payloadType, signatures: [{ sig, keyid: '' }] },
      }),
    );
  }

  async #certificateOf({ publicKey }: Keys, { subject, issuer }: KeylessOptions): Promise<Buffer> {
    const bytes = await this.#ca.issueCertificate({
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
      subjectAltName: subject,
      extensions: [{ oid: ISSUER_OID, value: issuer }],
    });
    return Buffer.from(bytes.buffer);
  }

  async #entryOf({ payload, sig, certificate }: { payload: Buffer; sig: string; certificate: Buffer }) {
    const pem = `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replace(/(.{64})/g, '$1\n')}\n-----END CERTIFICATE-----\n`;
    const hash = (bytes: Buffer) => ({ algorithm: 'sha256', value: createHash('sha256').update(bytes).digest('hex') });
    const body = {
      apiVersion: '0.0.1',
      kind: 'dsse',
      spec: {
        envelopeHash: hash(payload),
        payloadHash: hash(payload),
        signatures: [{ signature: sig, verifier: Buffer.from(pem).toString('base64') }],
      },
    };
    // The package's types refer to one that is not installed.
    const [entry] = Object.values((await this.#log.log(body)) as Record<string, LogEntry>);
    if (!entry) throw new Error('the log made no entry');
    const { inclusionProof: proof, signedEntryTimestamp } = entry.verification;
    return {
      logIndex: String(entry.logIndex),
      logId: { keyId: Buffer.from(entry.logID, 'hex').toString('base64') },
      kindVersion: { kind: 'dsse', version: '0.0.1' },
      integratedTime: String(entry.integratedTime),
      inclusionPromise: { signedEntryTimestamp },
      inclusionProof: {
        logIndex: String(proof.logIndex),
        treeSize: String(proof.treeSize),
        rootHash: Buffer.from(proof.rootHash, 'hex').toString('base64'),
        hashes: [],
        checkpoint: { envelope: proof.checkpoint },
      },
      canonicalizedBody: entry.body,
    };
  }
}

function logOf(publicKey: Buffer, validFor: object) {
  return {
    baseUrl: `https://${HOST}`,
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: publicKey.toString('base64'), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor },
    logId: { keyId: createHash('sha256').update(publicKey).digest('base64') },
  };
}

function base64({ buffer }: ArrayBufferView): string {
  return Buffer.from(buffer as ArrayBuffer).toString('base64');
}
