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
/** Of the change that was made last. How often one change is told of differs between kernel and looking. */
const told = new Set<string>();
const watch = new HomeWatch(home, clock, {
  folders: () => told.add('folders'),
  fleetConfig: () => told.add('config'),
  agentFile: (agent, file) => told.add(`${agent} ${file}`),
  inbox: (agent) => told.add(`${agent} inbox`),
  failed: (reason) => {
    process.stdout.write(`${reason}\n`);
    failure.resolve();
  },
});
for (const agent of agents) watch.add(agent);
await failure.promise;
/** Some of it the kernel tells in its own time, the rest is found at the next look. */
async function until(what: string): Promise<void> {
  while (!told.has(what)) {
    await delay(5);
    await clock.advance(3_500);
  }
  process.stdout.write(`${what}\n`);
}
await until('folders');
const { environment, settings } = agentPaths(home, 'agent-1');
const changes: [() => void, string][] = [
  [
    () => {
      writeFileSync(`${environment}.new`, 'A=1\n');
      renameSync(`${environment}.new`, environment);
    },
    'agent-1 .env',
  ],
  [() => writeFileSync(settings, '{}'), 'agent-1 settings.json'],
  [() => writeFileSync(homePaths(home).config, '{ }'), 'config'],
  [() => writeFileSync(path.join(agentPaths(home, 'agent-2').inbox, 'one.json'), '{}'), 'agent-2 inbox'],
  [() => mkdirSync(path.join(home, 'agent-3')), 'folders'],
];
for (const [change, what] of changes) {
  told.clear();
  change();
  await until(what);
}
await watch.close();
rmSync(home, { recursive: true });
