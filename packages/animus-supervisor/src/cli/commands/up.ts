import { setTimeout as delay } from 'node:timers/promises';
import { EXIT, type ExitCode, type FleetStatus } from 'animus-protocol';
import { agentPaths, type HomePaths } from '../../home/paths.ts';
import { scanAgents } from '../../home/scan.ts';
import { undoEndedTakeOver } from '../../home/take-over-journal.ts';
import { deployedRelease, runsOlder } from '../agent-words.ts';
import { missingHome } from '../agents.ts';
import { type Command, defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { type StartedSupervisor, startSupervisor } from '../exec.ts';
import { readFleetConfig } from '../fleet-config.ts';
import { createFollower } from '../logs/follow.ts';
import { EVERYTHING } from '../logs/line.ts';
import { makeLineWriter } from '../logs/show.ts';
import { agentLog, supervisorLog } from '../logs/sources.ts';
import { indented, mark } from '../render.ts';
import { describeVersions, endOlderSupervisor, mustMakeWay } from '../replace-supervisor.ts';
import { awaitSettled } from '../settle.ts';
import { askStatus, bringDown, complainOf, waitUntilAnswering } from '../supervisor.ts';

/** A supervisor listens before it does anything else. */
const OTHER_ANSWERS_WITHIN_MS = 5_000;
/** Who does not answer any more has ended, or does so now. */
const ENDS_WITHIN_MS = 5_000;

export const up: Command = defineCommand({
  name: 'up',
  summary: 'Start the supervisor and the fleet; in the foreground with the merged log, or in the background',
  arguments: {},
  options: { detach: { kind: 'flag', short: 'd', description: 'Leave it running in the background' } },
  examples: [
    { line: 'animus up -d', effect: 'returns when each agent is ready or says why not' },
    { line: 'animus up', effect: 'shows the log; Ctrl-C stops the fleet; a lost connection does not' },
  ],
  run: async ({ detach, json }, context) => {
    const { home, screen } = context;
    const missing = missingHome(home.home);
    if (missing !== null) {
      screen.complain(missing);
      return EXIT.failed;
    }
    const running = await askStatus(home.socket);
    if (!running.ok && running.error.kind !== 'no-supervisor') return complainOf(screen, running.error);
    if (running.ok && mustMakeWay(running.value)) return await replace(running.value, { detach, json }, context);
    if (running.ok && !detach) return await attach(running.value, context);
    if (running.ok) return report((await awaitSettled(running.value, home.socket)) ?? running.value, json, context);
    const config = readFleetConfig(home);
    if (!config.ok) {
      screen.complain(config.error);
      return EXIT.configuration;
    }
    for (const id of scanAgents(home.home)) undoEndedTakeOver(agentPaths(home.home, id));
    return detach ? await startDetached(json, context) : await startInForeground(config.value.timezone, context);
  },
});

async function startDetached(json: boolean, context: CliContext): Promise<ExitCode> {
  const byService = await startByService(context);
  if (byService !== null) return report((await awaitSettled(byService, context.home.socket)) ?? byService, json, context);
  const started = start(context);
  if (started === null) return EXIT.failed;
  const answered = await waitUntilAnswering(context.home.socket, abortedWithout(started, context.home));
  const status = answered === null ? null : await awaitSettled(answered, context.home.socket);
  return status === null ? await complainOfEnd(started, context) : report(status, json, context);
}

/** The agents are taken over as they are, so nothing is lost by not asking; the new supervisor runs in the background as the old one did. */
async function replace(older: FleetStatus, { detach, json }: { detach: boolean; json: boolean }, context: CliContext): Promise<ExitCode> {
  const config = readFleetConfig(context.home);
  if (!config.ok) {
    context.screen.complain(config.error);
    return EXIT.configuration;
  }
  if (!(await endOlderSupervisor(older, context))) return EXIT.failed;
  const code = await startDetached(json, context);
  if (detach) return code;
  const status = await askStatus(context.home.socket);
  return status.ok ? await attach(status.value, context) : code;
}

/** Where a service is installed, systemd is to look after the supervisor. Null: there is none, or it could not, which is told. */
async function startByService(context: CliContext): Promise<FleetStatus | null> {
  const { findInstalled } = await import('../service/place.ts');
  const place = findInstalled(null, context);
  if (place === null) return null;
  const { startUnit } = await import('../service/install.ts');
  if (!(await startUnit(place, context))) {
    context.screen.complain('started without systemd instead');
    return null;
  }
  const status = await askStatus(context.home.socket);
  return status.ok ? status.value : null;
}

/** Follows the logs from before the start, so that the first line is seen too. */
async function startInForeground(timezone: string | null, context: CliContext): Promise<ExitCode> {
  const { home, screen } = context;
  const interruption = context.interruption();
  const over = new AbortController();
  const following = showLogs(timezone, context, AbortSignal.any([interruption, over.signal]));
  const started = start(context);
  const answered = started === null ? null : await waitUntilAnswering(home.socket, abortedWithout(started, home));
  const isOurs = answered !== null && answered.supervisor.pid === started?.pid;
  if (started === null || answered === null || !isOurs) {
    over.abort();
    await following;
    if (answered !== null) return await attach(answered, context);
    return started === null ? EXIT.failed : await complainOfEnd(started, context);
  }
  screen.complain(screen.paint('dim', `the fleet runs (supervisor pid ${answered.supervisor.pid}); Ctrl-C stops it`));
  const isOver = started.ended.then(() => over.abort());
  await following;
  // A closed terminal ends the showing and nothing else.
  if (interruption.aborted) return interruption.reason === 'SIGHUP' ? EXIT.done : await stopFleet(context);
  await isOver;
  return await complainOfEnd(started, context);
}

/** Somebody else started this fleet: Ctrl-C leaves it running. */
async function attach({ supervisor }: FleetStatus, context: CliContext): Promise<ExitCode> {
  const { screen, home } = context;
  screen.complain(
    screen.paint('dim', `the fleet runs already (supervisor pid ${supervisor.pid}); here is its log, Ctrl-C leaves it running`),
  );
  const over = new AbortController();
  const interruption = context.interruption();
  const watching = (async () => {
    while (!over.signal.aborted && (await askStatus(home.socket)).ok)
      await delay(1_000, undefined, { signal: over.signal }).catch(() => {});
    over.abort();
  })();
  const config = readFleetConfig(home);
  await showLogs(config.ok ? config.value.timezone : null, context, AbortSignal.any([interruption, screen.closed, over.signal]));
  const isLeft = interruption.aborted || screen.closed.aborted;
  over.abort();
  await watching;
  if (!isLeft) screen.complain('the supervisor has ended');
  return EXIT.done;
}

async function stopFleet({ home, screen }: CliContext): Promise<ExitCode> {
  screen.complain(screen.paint('dim', 'stopping the fleet …'));
  const reply = await bringDown(home.socket);
  if (!reply.ok && reply.error.kind !== 'no-supervisor') return complainOf(screen, reply.error);
  const isGone = !reply.ok || reply.value.isGone;
  screen.complain(
    isGone ? 'the fleet has stopped' : 'all agents are stopped, but the supervisor has not ended; look at logs/supervisor.log in the home',
  );
  return isGone ? EXIT.done : EXIT.failed;
}

function start({ installation, home, screen, environment }: CliContext): StartedSupervisor | null {
  const found = installation();
  if (found.ok) return startSupervisor(found.value, home, environment);
  screen.complain(found.error);
  return null;
}

/** Aborts when the supervisor we started has ended and none answers in its place: of two `up` at once, one wins for both. */
function abortedWithout({ ended }: StartedSupervisor, home: HomePaths): AbortSignal {
  const controller = new AbortController();
  void ended.then(async () => {
    const { isHomeLocked } = await import('../../fleet/lock.ts');
    if (isHomeLocked(home.lock)) await delay(OTHER_ANSWERS_WITHIN_MS, undefined, { ref: false });
    controller.abort();
  });
  return controller.signal;
}

async function complainOfEnd({ ended, pid }: StartedSupervisor, { screen, home }: CliContext): Promise<ExitCode> {
  // Its process alone does not keep us: one that is there and silent would end this command without a word.
  const waiting = new AbortController();
  const late = delay(ENDS_WITHIN_MS, null, { signal: waiting.signal }).catch(() => null);
  const end = await Promise.race([ended, late]);
  waiting.abort();
  if (end === null) {
    screen.complain(`the supervisor (pid ${pid}) runs, but does not answer; look at ${home.supervisorLog}`);
    return EXIT.failed;
  }
  const { code, said } = end;
  if (code === EXIT.done) {
    screen.complain('the supervisor has ended');
    return EXIT.done;
  }
  screen.complain(
    `the supervisor has ended${code === null ? ', killed' : ''}${said === '' ? `; look at ${home.supervisorLog}` : `: ${said}`}`,
  );
  return code === EXIT.configuration ? EXIT.configuration : EXIT.failed;
}

function report(status: FleetStatus, json: boolean, { screen, home }: CliContext): ExitCode {
  const isWell = status.agents.every(({ phase, wanted }) => phase === 'ready' || wanted === 'stopped');
  if (json) {
    screen.printJson(status);
    return isWell ? EXIT.done : EXIT.failed;
  }
  screen.print(`the supervisor runs (pid ${status.supervisor.pid})`);
  for (const { id, phase, wanted, reason, release } of status.agents) {
    const why = reason === null || phase === 'ready' ? '' : `: ${indented(reason)}`;
    // One that was taken over goes on with what it ran.
    const older = runsOlder(release, deployedRelease(home.home, id)) ? `, on an older release (${release}): animus restart ${id}` : '';
    screen.print(`${mark(screen, phase === 'ready' || wanted === 'stopped')} ${id}: ${phase}${older}${why}`);
  }
  if (status.agents.length === 0) screen.print('no agent is deployed yet; deploy one with: animus deploy <id> <endpoint>');
  for (const line of describeVersions(status)) screen.complain(line);
  if (!isWell) screen.complain('not every agent is ready; look at: animus health');
  return isWell ? EXIT.done : EXIT.failed;
}

async function showLogs(timezone: string | null, { home, screen }: CliContext, signal: AbortSignal): Promise<void> {
  const sources = () => [...scanAgents(home.home).map((id) => agentLog(home, id)), supervisorLog(home)];
  const names = sources().map(({ from }) => from);
  const write = makeLineWriter(screen, timezone, names);
  using follower = createFollower(sources);
  await follower.follow(EVERYTHING, (lines) => screen.print(lines.map(write).join('\n')), signal);
}
