import { EXIT } from 'animus-protocol';
import { type Command, defineCommand } from '../command.ts';
import { bringDown, complainOf } from '../supervisor.ts';

export const down: Command = defineCommand({
  name: 'down',
  summary: 'Stop every agent and the supervisor; returns when all have ended',
  arguments: {},
  options: {},
  examples: [{ line: 'animus down', effect: 'running turns are finished or left resumable' }],
  run: async ({ json }, { home, screen }) => {
    const reply = await bringDown(home.socket);
    if (!reply.ok) return complainOf(screen, reply.error);
    const { stopped, isGone } = reply.value;
    if (json) screen.printJson({ stopped });
    else
      screen.print(
        stopped.length === 0 ? 'the supervisor has ended; no agent was running' : `stopped ${stopped.join(', ')}; the supervisor has ended`,
      );
    if (!isGone) screen.complain('all agents are stopped, but the supervisor has not ended; look at logs/supervisor.log in the home');
    return isGone ? EXIT.done : EXIT.failed;
  },
});
