import fs from 'node:fs';
import path from 'node:path';
import { EXIT } from 'animus-protocol';
import { type Command, type DelegatedCommand, defineCommand } from '../command.ts';
import { grammarOf } from '../completion/grammar.ts';
import { completionScript, SHELLS } from '../completion/scripts.ts';

/** `all` loads every command, this one too. */
export function makeCompletion(all: () => Promise<(Command | DelegatedCommand)[]>): Command {
  return defineCommand({
    name: 'completion',
    summary: 'Print what makes your shell complete commands, options and agent ids',
    arguments: { shell: { count: 'one', description: 'bash, zsh or fish', choices: SHELLS } },
    options: {},
    examples: [
      { line: 'eval "$(animus completion bash)"', effect: 'a line for ~/.bashrc' },
      { line: 'source <(animus completion zsh)', effect: 'a line for ~/.zshrc, after compinit' },
      { line: 'animus completion fish | source', effect: 'a line for ~/.config/fish/config.fish' },
    ],
    run: async ({ shell, json }, { installation, screen }) => {
      const found = installation();
      const wanted = SHELLS.find((each) => each === shell);
      if (!found.ok || wanted === undefined) {
        screen.complain(found.ok ? `there is no completion for ${shell}` : found.error);
        return EXIT.failed;
      }
      const commands = (await all()).map(grammarOf);
      const program = fs.readFileSync(path.join(found.value.root, 'packages/animus-supervisor/shell', `animus.${wanted}`), 'utf8');
      const script = completionScript(wanted, program, commands);
      if (json) screen.printJson({ shell: wanted, script });
      else screen.print(script.trimEnd());
      return EXIT.done;
    },
  });
}
