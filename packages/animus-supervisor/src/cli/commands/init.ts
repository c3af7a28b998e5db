import { EXIT } from 'animus-protocol';
import { initHome } from '../../home/init.ts';
import { type Command, defineCommand } from '../command.ts';

export const init: Command = defineCommand({
  name: 'init',
  summary: 'Make the home, private to you, or mend the modes of its folders',
  arguments: {},
  options: {},
  examples: [
    { line: 'animus init', effect: 'makes ~/animus' },
    { line: 'ANIMUS_HOME=/srv/animus animus init', effect: 'makes a home elsewhere' },
  ],
  run: async ({ json }, { home, screen, installation }) => {
    const found = installation();
    if (!found.ok) {
      screen.complain(found.error);
      return EXIT.failed;
    }
    const changed = initHome(home.home, found.value);
    if (json) screen.printJson({ home: home.home, changed });
    else if (changed.length === 0) screen.print(`${home.home} is as it should be`);
    else screen.print(`${home.home} is ready${describeChanges(changed)}\nDeploy an agent with: animus deploy <id> <endpoint>`);
    return EXIT.done;
  },
});

/** The home itself, which stands before it anyway, is left out. */
function describeChanges(changed: readonly string[]): string {
  const below = changed.filter((name) => name !== '.');
  return below.length === 0 ? '' : ` (${below.join(', ')})`;
}
