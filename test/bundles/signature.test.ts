import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { runProgram } from '../support/processes.ts';
import { bundle, bundleScenes, multi, single } from './scene.ts';

const { startInside, startScene } = bundleScenes();

const OTHER = generateKeyPairSync('ed25519');

async function startSigned({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }) {
  const scene = await startScene();
  await writeFile(scene.path('k.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(scene.path('k.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(scene.path('other.pub'), OTHER.publicKey.export({ type: 'spki', format: 'pem' }));
  return scene;
}

describe('layover bundle with a signature', () => {
  it.each([
    [
      'EC P-256',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      ['dgst', '-sha256', '-verify', 'k.pub', '-signature', 'sig', 'sums'],
    ],
    [
      'Ed25519',
      generateKeyPairSync('ed25519'),
      ['pkeyutl', '-verify', '-pubin', '-inkey', 'k.pub', '-rawin', '-in', 'sums', '-sigfile', 'sig'],
    ],
  ])('of %s is verified here and by openssl', async (_, keys, openssl) => {
    await using scene = await startSigned(keys);
    expect(await scene.create('usb', '--sign-key', scene.path('k.pem'))).toMatchObject({ code: 0, stderr: '' });
    expect(await bundle('verify', scene.path('usb'), '--key', scene.path('k.pub'))).toMatchObject({
      code: 0,
      stderr: '',
    });
    const signed = JSON.parse(await readFile(scene.path('usb/layover/bundle.sigstore.json'), 'utf8')) as {
      messageSignature: { signature: string };
    };
    await copyFile(scene.path('usb/layover/SHA256SUMS'), scene.path('sums'));
    await writeFile(scene.path('sig'), Buffer.from(signed.messageSignature.signature, 'base64'));
    const { stdout } = await runProgram('openssl', openssl, { cwd: scene.path('.') });
    expect(stdout).toMatch(/Verified OK|Signature Verified Successfully/);
    const wrong = await bundle('verify', scene.path('usb'), '--key', scene.path('other.pub'));
    expect(wrong).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('refused, it is not signed with this key'),
    });
  });

  it('is imported with the key only when it has the signature, and every signed file is the signed one', async () => {
    await using scene = await startSigned(OTHER);
    await scene.create('usb.tar', '--volume', '1MiB', '--sign-key', scene.path('k.pem'));
    await scene.create('usb', '--sign-key', scene.path('k.pem'));
    await scene.create('plain');
    await using inside = await startInside();
    const key = ['--key', scene.path('k.pub')];
    const run = (name: string) => bundle('import', scene.path(name), inside.configFile, ...key);
    expect((await run('plain')).stderr).toContain('refused, it has no signature');
    const lock = scene.path('usb/layover/images.lock.yaml');
    const text = await readFile(lock, 'utf8');
    await writeFile(lock, text.replaceAll(single.digest, multi.digest));
    expect((await run('usb')).stderr).toContain('refused, layover/images.lock.yaml is not the signed one');
    const sums = scene.path('usb/layover/SHA256SUMS');
    const before = await readFile(sums, 'utf8');
    const sum = createHash('sha256').update(text.replaceAll(single.digest, multi.digest)).digest('hex');
    await writeFile(sums, before.replace(/^.*images.lock.yaml$/m, `${sum}  layover/images.lock.yaml`));
    expect((await run('usb')).stderr).toContain('refused, it is not signed with this key');
    await writeFile(scene.path('usb/layover/bundle.sigstore.json'), '{"messageSignature":5}');
    expect((await run('usb')).stderr).toContain('refused, it is not signed with this key');
    await rm(scene.path('usb/layover/bundle.sigstore.json'));
    expect((await run('usb')).stderr).toContain('refused, it has no signature');
    expect(await inside.visibleBlobs()).toEqual([]);
    expect(await run('usb.001.tar')).toMatchObject({ code: 0, stderr: '' });
  });

  it('needs a key that is one, and an unsigned run removes the signature of an earlier one', async () => {
    await using scene = await startSigned(OTHER);
    const mistaken = await scene.create('usb', '--sign-key', scene.path('k.pub'));
    expect(mistaken).toMatchObject({ code: 1, stderr: expect.stringContaining('k.pub: not a private key in PEM') });
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    await writeFile(scene.path('rsa.pem'), rsa.export({ type: 'pkcs8', format: 'pem' }));
    expect((await scene.create('usb', '--sign-key', scene.path('rsa.pem'))).stderr).toContain('use one of EC P-256');
    await scene.create('usb', '--sign-key', scene.path('k.pem'));
    await scene.create('usb');
    const verified = await bundle('verify', scene.path('usb'), '--key', scene.path('k.pub'));
    expect(verified).toMatchObject({ code: 1, stderr: expect.stringContaining('it has no signature') });
  });
});
