/**
 * `settings set`: one key of a person's settings.json, everything else kept as it is written. The only
 * place where we change a file that a person wrote.
 */
import { chmodSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import {
  agentIdOfFolder,
  codeOf,
  ENVIRONMENT_KEYS,
  FLAT_KEYS,
  failed,
  findJsonNode,
  formatProblem,
  isSecretKey,
  loadBrocaConfig,
  ok,
  type Problem,
  parseSettings,
  type Result,
  readBoolean,
  readConfigFile,
  readJson,
  setJsonValue,
} from 'animus-protocol';
import { syncPath } from '../sync.ts';

const FILE = 'settings.json';
/** Of a person's editor that saves at the same moment; each time we start again from what it wrote. */
const MOST_TRIES = 3;
const SECTIONS = new Set(['agent', 'message_processing', 'limits', 'retention', 'images', 'outbound', 'logs', 'plugins']);

export type SettingChange = {
  /** Key as it stands in the file, dotted. */
  key: string;
  /** undefined: it was not said before. */
  before: unknown;
  value: unknown;
  /** What remains to be looked at about this key, such as another file that says otherwise. */
  warnings: Problem[];
};

/** Sets `key` to what `valueText` means. The error says what is allowed; then nothing was changed. */
export async function setSetting(folder: string, key: string, valueText: string): Promise<Result<SettingChange, string>> {
  const here = resolve(folder);
  const path = join(here, FILE);
  for (let tries = 1; ; tries += 1) {
    const { text, problems } = readConfigFile(path, 'shared');
    const [problem] = problems;
    if (problem !== undefined) return failed(formatProblem(problem));
    const planned = planSetting(text, key, valueText);
    if (!planned.ok) return planned;
    const { change, text: changed } = planned.value;
    const doubts = checkTogether(here, changed, change.key);
    const error = doubts.find(({ severity }) => severity === 'error');
    if (error !== undefined) return failed(formatProblem(error));
    if (changed === text) return ok({ ...change, warnings: doubts });
    const written = await replaceFile(path, text, changed);
    if (!written.ok) return written;
    if (written.value === 'written') return ok({ ...change, warnings: doubts });
    if (tries === MOST_TRIES) return failed(`${FILE} is being changed by somebody else: try again when they are done`);
  }
}

/** The file's text with the key set, without touching anything. `text` null: there is no file yet. */
export function planSetting(
  text: string | null,
  key: string,
  valueText: string,
): Result<{ text: string; change: Omit<SettingChange, 'warnings'> }, string> {
  if (ENVIRONMENT_KEYS.includes(key)) return failed(`${key} stands in .env, not in ${FILE}: change it there`);
  const from = text === null || text.trim() === '' ? '{}\n' : text;
  const read = readJson(from);
  if (!read.ok)
    return failed(
      `${FILE}: line ${read.error.line}:${read.error.column}: not JSON: ${read.error.message}. Mend it first; it was not changed`,
    );
  const path = placeOf(read.value.root, key);
  if (path.some((name) => name === '' || name === '__proto__')) return failed(`${JSON.stringify(key)} is no key`);
  const isDeeper = path[0] === 'plugins' || (path[0] === 'images' && path[1] === 'upload');
  if (SECTIONS.has(path[0] ?? '') && path.length < (isDeeper ? 3 : 2)) {
    return failed(`${key} holds several settings: write one of them, as in message_processing.mode or plugins.telegram.enabled`);
  }
  let refusal: string | null = null;
  for (const value of meanings(valueText)) {
    const changed = setJsonValue(from, path, value);
    if (!changed.ok) return failed(`${FILE}: ${changed.error}`);
    const problem = parseSettings(changed.value).problems.find(
      (found) => isAbout(found, path) && (found.severity === 'error' || found.message.startsWith('unknown key')),
    );
    if (problem === undefined)
      return ok({ text: changed.value, change: { key: path.join('.'), before: valueAt(from, read.value.root, path), value } });
    refusal ??= problem.message.startsWith('unknown key')
      ? `${problem.key}: ${problem.message.replace(', ignored', '')}`
      : formatRefusal(problem, valueText);
  }
  return failed(refusal ?? `${JSON.stringify(valueText)} is no value`);
}

function formatRefusal(problem: Problem, valueText: string): string {
  const shown = problem.key.split('.').some(isSecretKey) ? '' : ` = ${valueText}`;
  return `${problem.key}${shown}: ${problem.message}`;
}

/** What a word on a command line can mean, most literal first; the first meaning that the key allows is taken. */
function meanings(text: string): unknown[] {
  const yesOrNo = readBoolean(text);
  return [...literal(text), text, ...(yesOrNo.ok ? [yesOrNo.value] : [])];
}

/** JSON as it stands, but no number that would lose digits (the id of a chat). */
function literal(text: string): unknown[] {
  const read = readJson(text);
  if (!read.ok) return [];
  const { value } = read.value;
  return typeof value === 'number' && String(value) !== text.trim() ? [] : [value];
}

/** Where a key stands in this file: as the person wrote it, nested or flat; nested when it is new. */
function placeOf(root: Parameters<typeof findJsonNode>[0], key: string): string[] {
  for (const flat of ['message_mode', 'queue_refresh', 'max_retries'] as const) {
    const nested = ['message_processing', FLAT_KEYS[flat]];
    if (key !== flat && key !== nested.join('.')) continue;
    const isFlatOnly = findJsonNode(root, nested) === null && findJsonNode(root, [flat]) !== null;
    return isFlatOnly ? [flat] : nested;
  }
  return key.split('.');
}

function valueAt(text: string, root: Parameters<typeof findJsonNode>[0], path: readonly string[]): unknown {
  const node = findJsonNode(root, path);
  return node === null ? undefined : JSON.parse(text.slice(node.start, node.end));
}

function isAbout({ key }: Problem, path: readonly string[]): boolean {
  const whole = path.join('.');
  return key === whole || key.startsWith(`${whole}.`) || whole.startsWith(`${key}.`) || key === 'the whole file';
}

/** Problems about this key that only the three files together show. */
function checkTogether(folder: string, settings: string, key: string): Problem[] {
  const { problems } = loadBrocaConfig({
    agentIdOfFolder: agentIdOfFolder(basename(folder)),
    environment: readConfigFile(join(folder, '.env'), 'shared').text ?? '',
    settings,
    fleet: null,
  });
  const path = key.split('.');
  return problems.filter(
    (problem) =>
      (problem.file === FILE && isAbout(problem, path)) || (problem.severity === 'warning' && problem.message.includes(`says ${key} =`)),
  );
}

/** Whole or not at all, whatever is killed when; `changed`: somebody else wrote the file since it was read. */
async function replaceFile(path: string, before: string | null, text: string): Promise<Result<'written' | 'changed', string>> {
  const target = before === null ? path : realpathSync(path);
  const temporary = join(dirname(target), `.${basename(target)}.${crypto.randomUUID()}.tmp`);
  try {
    const mode = before === null ? 0o600 : statSync(target).mode & 0o777;
    writeFileSync(temporary, text, { flag: 'wx', mode: 0o600 });
    chmodSync(temporary, mode);
    await syncPath(temporary);
    if (readConfigFile(target, 'shared').text !== before) {
      rmSync(temporary, { force: true });
      return ok('changed');
    }
    renameSync(temporary, target);
    await syncPath(dirname(target));
    return ok('written');
  } catch (error) {
    rmSync(temporary, { force: true });
    return failed(`${FILE} could not be written (${codeOf(error)}); it is as it was`);
  }
}
