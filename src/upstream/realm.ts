/** Whether an anonymous token may be fetched from a realm. An upstream with TLS needs a realm with TLS. */
export function isRealmUsable(realm: URL, upstream: URL): boolean {
  if (realm.protocol !== 'https:' && realm.protocol !== 'http:') return false;
  if (upstream.protocol === 'https:' && realm.protocol !== 'https:') return false;
  return realm.username === '' && realm.password === '';
}

/**
 * Whether a token server may get credentials without being configured: it must be on the upstream's own host, on
 * any port, or under the same registrable domain (`registry-1.docker.io` and `auth.docker.io`). IP addresses
 * and `localhost` have no registrable domain.
 *
 * Otherwise a registry could collect the credentials of its mirrors by naming any token server: CVE-2026-33540.
 */
export async function isRealmAllowed(realm: URL, upstream: URL): Promise<boolean> {
  if (!isRealmUsable(realm, upstream)) return false;
  if (realm.hostname === upstream.hostname) return true;
  const { getDomain } = await import('tldts'); // 10 MB, which a service without tokens of upstreams does not need
  // Tenants of `github.io` and the like do not trust each other, so the private part of the list counts. For names that are
  // not in the list (`registry.corp.internal`), the last two labels are the domain, by its default rule.
  const options = { allowPrivateDomains: true };
  const domain = getDomain(realm.hostname, options);
  return domain !== null && domain === getDomain(upstream.hostname, options);
}
