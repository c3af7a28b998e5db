/** Watches a home of three agents, changes it, and prints what is told: run where the kernel has no watchers left. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FakeClock } from 'animus-testkit';
import { agentPaths, homePaths } from '../home/paths.ts';
import { HomeWatch } from './home-watch.ts';

const home = mkdtempSync(path.join(os.tmpdir(), 'animus-watch-'));
const agents = ['agent-0', 'agent-1', 'agent-2'] as const;
writeFileSync(homePaths(home).config, '{}');
for (const agent of agents) {
  mkdirSync(agentPaths(home, agent).inbox, { recursive: true });
  writeFileSync(agentPaths(home, agent).environment, '');
}
const clock = new FakeClock();
const failure = Promise.withResolvers<void>();
let last = '';
/** How often a folder tells of one change differs between kernel and looking. */
function say(what: string): void {
  if (what !== last) process.stdout.write(`${what}\n`);
  last = what;
}
const watch = new HomeWatch(home, clock, {
  folders: () => say('folders'),
  fleetConfig: () => say('config'),
  agentFile: (agent, file) => say(`${agent} ${file}`),
  inbox: (agent) => say(`${agent} inbox`),
  failed: (reason) => {
    say(reason);
    failure.resolve();
  },
});
for (const agent of agents) watch.add(agent);
await failure.promise;
// Whatever the kernel grants of it is told at once; the rest is found at the next look.
const settle = async (): Promise<void> => {
  await delay(50);
  await clock.advance(3_500);
};
await settle();
const { environment, settings } = agentPaths(home, 'agent-1');
for (const change of [
  () => {
    writeFileSync(`${environment}.new`, 'A=1\n');
    renameSync(`${environment}.new`, environment);
  },
  () => writeFileSync(settings, '{}'),
  () => writeFileSync(homePaths(home).config, '{ }'),
  () => writeFileSync(path.join(agentPaths(home, 'agent-2').inbox, 'one.json'), '{}'),
  () => mkdirSync(path.join(home, 'agent-3')),
]) {
  change();
  await settle();
}
await watch.close();
rmSync(home, { recursive: true });
