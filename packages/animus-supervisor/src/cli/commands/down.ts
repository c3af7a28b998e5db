import { EXIT, type ExitCode } from 'animus-protocol';
import { agentPaths, type HomePaths } from '../../home/paths.ts';
import { scanAgents } from '../../home/scan.ts';
import { askBroca } from '../ask-broca.ts';
import { type Command, defineCommand } from '../command.ts';
import { mark, type Screen } from '../render.ts';
import { sayWaiting } from '../say-waiting.ts';
import { isByHand, noteStopped, stopBroca } from '../stop-broca.ts';
import { bringDown, complainOf, isHeldBySilent } from '../supervisor.ts';

export const down: Command = defineCommand({
  name: 'down',
  summary: 'Stop every agent and the supervisor; returns when all have ended',
  arguments: {},
  options: {},
  examples: [{ line: 'animus down', effect: 'running turns are finished or left resumable; also after the supervisor was killed' }],
  run: async ({ json }, { home, screen }) => {
    const reply = await sayWaiting(bringDown(home.socket), 'turns in hand are finished first', screen);
    if (!reply.ok && reply.error.kind === 'no-supervisor') return await stopWithout(home, json, screen);
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

/** The supervisor is dead and its Brocas live on. As with one, those that somebody started by hand are left to them. */
async function stopWithout(home: HomePaths, json: boolean, screen: Screen): Promise<ExitCode> {
  if (await isHeldBySilent(home)) {
    screen.complain('a supervisor runs, but does not listen; look at logs/supervisor.log in the home');
    return EXIT.failed;
  }
  const ends = await Promise.all(
    scanAgents(home.home).map(async (id) => {
      const byHand = isByHand(await askBroca(agentPaths(home.home, id).socket));
      return { id, byHand, end: byHand ? null : await stopBroca(home, id) };
    }),
  );
  const stopped = ends.filter(({ end }) => end?.kind === 'stopped').map(({ id }) => id);
  for (const id of stopped) noteStopped(home, id, null);
  if (json) screen.printJson({ stopped });
  else if (stopped.length > 0) screen.print(`stopped ${stopped.join(', ')}; no supervisor was running`);
  for (const { id, byHand } of ends) if (byHand) screen.complain(`${id} runs by hand and is left running; stop it with: animus stop ${id}`);
  const failures = ends.flatMap(({ id, end }) => (end?.kind === 'failed' ? [`${mark(screen, false)} ${id}: ${end.reason}`] : []));
  for (const failure of failures) screen.complain(failure);
  if (failures.length > 0) return EXIT.failed;
  if (stopped.length > 0) return EXIT.done;
  const isAnyByHand = ends.some(({ byHand }) => byHand);
  screen.complain(isAnyByHand ? 'nothing else is running' : 'nothing is running: no supervisor and no agent; start it with: animus up -d');
  return EXIT.noSupervisor;
}
