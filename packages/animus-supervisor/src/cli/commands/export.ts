import { EXIT } from 'animus-protocol';
import { chooseAgent } from '../agents.ts';
import { type Command, defineCommand } from '../command.ts';
import { exportAgent } from '../export-agent.ts';
import { size } from '../render.ts';

export const exportCommand: Command = defineCommand({
  name: 'export',
  summary: 'One agent as one file, to be imported into another home or on another machine',
  arguments: { id: { count: 'one', description: 'The agent, by id or its beginning' } },
  options: {
    to: { kind: 'text', placeholder: 'FILE', description: 'File or folder for it; default: the current folder' },
    encrypt: { kind: 'text', placeholder: 'HOW', description: 'age:<recipient> or gpg:<recipient>; then .env and logins are in it too' },
    move: { kind: 'flag', description: 'Stop it and take it out of this home, so that it does not run twice' },
  },
  examples: [
    { line: 'animus export 7216 --encrypt age:age1… --move', effect: 'to another machine, key and logins included' },
    { line: 'animus export 7216 --to /tmp/copy.tar.gz', effect: 'a copy without its key; it works on here' },
  ],
  run: async ({ id: word, to, encrypt, move, json }, context) => {
    const { home, screen } = context;
    const id = chooseAgent(home.home, word);
    const exported = id.ok ? await exportAgent({ id: id.value, to, encrypt, isMove: move }, context) : id;
    if (!id.ok || !exported.ok) {
      screen.complain(exported.ok ? '' : exported.error);
      return EXIT.failed;
    }
    const { file, bytes, hasSecrets, kept, skipped } = exported.value;
    if (json) screen.printJson({ id: id.value, ...exported.value });
    else {
      screen.print(`${id.value} is exported to ${file} (${size(bytes)}${hasSecrets ? ', with its key' : ', without its key'})`);
      if (skipped.length > 0) screen.print(`left out, being links or oddly named: ${skipped.join(', ')}`);
      if (kept !== null) screen.print(`It is in this home no more; what it had is kept in ${kept}`);
      screen.print(`There: animus import ${file.slice(file.lastIndexOf('/') + 1)}`);
    }
    return EXIT.done;
  },
});
