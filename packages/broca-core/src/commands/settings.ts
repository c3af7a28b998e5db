/** `broca settings …`: these read and write files only, so they work also while the database cannot be opened. */

import { failed, formatProblem, getSetting, ok, type Result, readBrocaConfig, showSettings } from 'animus-protocol';
import * as v from 'valibot';
import { setSetting } from '../config/set-setting.ts';
import type { CommandContext } from './command.ts';
import type { SettingSet, SettingsVerdict, ShownSettings } from './command-values.ts';
import { command } from './define.ts';

export type FilesContext = Pick<CommandContext, 'folder' | 'live'>;
export type FilesCommand = (args: Record<string, unknown>, context: FilesContext) => Promise<Result<unknown, string>>;

export const settingsShow: FilesCommand = command(v.strictObject({}), (_args, { folder }: FilesContext) => {
  const loaded = readBrocaConfig(folder);
  const problems = loaded.problems.map(formatProblem);
  const shown = showSettings(loaded);
  if (shown === null) return failed(problems.join('\n'));
  const settings = Object.fromEntries(shown.map(({ key, value, origin }) => [key, { value, origin }]));
  const value: ShownSettings = { settings, problems };
  return ok(value);
});

export const settingsGet: FilesCommand = command(v.strictObject({ key: v.string() }), ({ key }, { folder }: FilesContext) => {
  const found = getSetting(readBrocaConfig(folder), key);
  return found.ok ? ok({ key: found.value.key, value: found.value.value, origin: found.value.origin }) : found;
});

export const settingsSet: FilesCommand = command(
  v.strictObject({ key: v.string(), value: v.string() }),
  async ({ key, value }, { folder, live }: FilesContext) => {
    const changed = await setSetting(folder, key, value);
    if (!changed.ok) return changed;
    live?.reload();
    const { config, problems } = readBrocaConfig(folder);
    const result: SettingSet = {
      key: changed.value.key,
      before: changed.value.before ?? null,
      value: changed.value.value,
      warnings: changed.value.warnings.map(formatProblem),
      errors: problems.filter(({ severity }) => severity === 'error').map(formatProblem),
      isUsable: config !== null,
      isApplied: live !== null && config !== null,
    };
    return ok(result);
  },
);

export const settingsValidate: FilesCommand = command(v.strictObject({}), (_args, { folder }: FilesContext) => {
  const { config, problems } = readBrocaConfig(folder);
  const verdict: SettingsVerdict = {
    ok: config !== null,
    problems: problems.map((problem) => ({ severity: problem.severity, text: formatProblem(problem) })),
  };
  return ok(verdict);
});
