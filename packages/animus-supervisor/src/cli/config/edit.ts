/**
 * `animus config edit`: a private copy in the person's editor, checked before it takes the file's place. What was typed is
 * kept until it is saved or dropped by the person: a copy that has problems, one whose editor was killed, one that came
 * too late.
 */
import fs from 'node:fs';
import path from 'node:path';
import { type AgentId, EXIT, type ExitCode, failed, formatProblem, ok, type Problem, type Result, readConfigFile } from 'animus-protocol';
import { makePrivateFolder, writeNewPrivateFile } from '../../home/modes.ts';
import { replaceFile } from '../../home/replace-file.ts';
import type { CliContext } from '../context.ts';
import { runEditor } from '../exec.ts';
import { askYes } from '../questions.ts';
import { type EditedFile, editedFile } from './edited-file.ts';

export type EditOptions = { env: boolean; draft: boolean; discard: boolean; json: boolean };

type Outcome = { code: ExitCode; isSaved: boolean; problems: Problem[]; message: string };

export async function editConfig(id: AgentId | null, options: EditOptions, context: CliContext): Promise<ExitCode> {
  const { screen, home } = context;
  const edited = editedFile(home, id, options.env);
  const { code, isSaved, problems, message } = await edit(edited, options, context);
  if (options.json) {
    const draft = fs.existsSync(edited.draft) ? edited.draft : null;
    screen.printJson({ id, file: edited.file, saved: isSaved, draft, problems, message });
  } else if (code === EXIT.done) screen.print(message);
  else screen.complain(message);
  return code;
}

async function edit(edited: EditedFile, options: EditOptions, context: CliContext): Promise<Outcome> {
  const before = readBefore(edited);
  if (!before.ok) return refused(before.error);
  const begun = beginDraft(edited, before.value, options);
  if (!begun.ok) return refused(begun.error);
  for (;;) {
    const editor = editorOf(context);
    const ended = await runEditor(editor, edited.draft, context);
    const { text, problems: faults } = readConfigFile(edited.draft, 'shared');
    if (text === null && faults.length === 0) return refused('the draft is gone; nothing was saved');
    if (text === (before.value ?? edited.empty)) {
      dropDraft(edited);
      return ended === 0 ? unchanged(edited, before.value, context) : refused(`${editor} ended with ${ended}; nothing was changed`);
    }
    if (ended !== 0) return refused(`${editor} ended with ${ended}; nothing was saved. ${kept(edited)}`);
    const problems = text === null ? faults : edited.check(text);
    tell(problems, context);
    if (text !== null && problems.every(({ severity }) => severity === 'warning')) return save(edited, before.value, text, problems);
    if (!(await wantsAgain(context))) {
      return { code: EXIT.configuration, isSaved: false, problems, message: `nothing was saved. ${kept(edited)}` };
    }
  }
}

/** Whoever opened it to see what is wrong is told. */
function unchanged(edited: EditedFile, text: string | null, context: CliContext): Outcome {
  const problems = text === null ? [] : edited.check(text);
  tell(problems, context);
  const isUsable = problems.every(({ severity }) => severity === 'warning');
  return isUsable
    ? { code: EXIT.done, isSaved: false, problems, message: 'nothing was changed' }
    : { code: EXIT.configuration, isSaved: false, problems, message: `nothing was changed, and ${edited.file} cannot be used as it is` };
}

function tell(problems: readonly Problem[], { screen }: CliContext): void {
  for (const problem of problems) screen.complain(`${problem.severity}: ${formatProblem(problem)}`);
}

function save(edited: EditedFile, before: string | null, text: string, problems: Problem[]): Outcome {
  const replaced = replaceFile(edited.file, before, text);
  if (!replaced.ok) {
    const compare = `What differs: diff '${edited.file}' '${edited.draft}'`;
    return { ...refused(`nothing was saved: ${replaced.error}\n${kept(edited)}\n${compare}`), problems };
  }
  dropDraft(edited);
  return { code: EXIT.done, isSaved: true, problems, message: `${edited.file} is saved; what runs takes it over by itself` };
}

function refused(message: string): Outcome {
  return { code: EXIT.failed, isSaved: false, problems: [], message };
}

/** The text to be edited; null where there is no file yet. */
function readBefore({ file }: EditedFile): Result<string | null, string> {
  if (fs.lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
    return failed(`${file} is a link, and would be replaced by a file: edit what it leads to`);
  }
  const { text, problems } = readConfigFile(file, 'shared');
  const [fault] = problems;
  return fault === undefined ? ok(text) : failed(formatProblem(fault));
}

/** Whoever begins first has the draft: a second editor of the same file is refused, as is one after a kill. */
function beginDraft(edited: EditedFile, before: string | null, { draft, discard }: EditOptions): Result<null, string> {
  const folder = path.dirname(edited.draft);
  if (discard) dropDraft(edited);
  const isThere = fs.existsSync(edited.draft);
  if (draft) return isThere ? ok(null) : failed(`there is no draft of ${path.basename(edited.file)}; edit without --draft`);
  if (isThere) {
    return failed(
      `${path.basename(edited.file)} is being edited, or was and is not saved: ${edited.draft}\nGo on with it: ${edited.command} --draft\nDrop it: ${edited.command} --discard`,
    );
  }
  makePrivateFolder(folder);
  writeNewPrivateFile(edited.draft, before ?? edited.empty);
  return ok(null);
}

/** With what editors leave beside it. */
function dropDraft({ draft }: EditedFile): void {
  fs.rmSync(path.dirname(draft), { recursive: true, force: true });
}

function kept({ draft, command }: EditedFile): string {
  return `Your draft is kept: ${draft}\nGo on with it: ${command} --draft`;
}

/** vi is what POSIX promises. */
function editorOf({ environment }: CliContext): string {
  return environment['VISUAL'] || environment['EDITOR'] || 'vi';
}

async function wantsAgain(context: CliContext): Promise<boolean> {
  const input = context.input();
  return input.isTTY === true && !context.interruption().aborted && (await askYes(input, 'Edit it again? Otherwise the draft is kept.'));
}
