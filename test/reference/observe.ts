import type { Check } from './check.ts';
import { Registry } from './registry.ts';
import { SETTING_NAMES, type SettingName, type StartRegistry, startSetting } from './settings.ts';
import type { Observed } from './verdict.ts';

/** Every check against one kind of registry: one process for each setting. */
export async function observeAll(
  start: StartRegistry,
  checks: readonly Check[],
  upstreamUrl: string,
): Promise<ReadonlyMap<Check, Observed>> {
  const observed = new Map<Check, Observed>();
  for (const setting of SETTING_NAMES) {
    const own = checks.filter((check) => settingOf(check) === setting);
    if (own.length === 0) continue;
    await using registry = await startSetting(start, setting, upstreamUrl);
    for (const check of own) {
      const repository = `check/r${checks.indexOf(check)}`;
      observed.set(check, await observe(check, new Registry(registry.url, repository)));
    }
  }
  return observed;
}

async function observe(check: Check, registry: Registry): Promise<Observed> {
  try {
    return await check.observe(registry);
  } catch (err) {
    return err instanceof Error ? err : new Error(String(err));
  }
}

function settingOf({ setting = 'plain' }: Check): SettingName {
  return setting;
}
