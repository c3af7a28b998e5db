/** All that the doctor looks at, in the order it is told. */
import type { AgentSubject, Check, HomeSubject } from './check.ts';
import { agentConfiguration, fleetConfiguration, plugins } from './configuration.ts';
import { database } from './database.ts';
import { agentFiles, agentModes, agentOwners, homeFiles, homeModes, sourceLinks } from './files.ts';
import { agentLeftovers, homeLeftovers, interruptedRestore, interruptedUpdate } from './leftovers.ts';
import { clock, lettaKey } from './letta.ts';
import { limits } from './limits.ts';
import { agentLogs, homeLogs } from './logs.ts';
import { disk, inotify, memory, runtimes, sandbox } from './machine.ts';
import { orphans, running, supervisor } from './processes.ts';

export const HOME_CHECKS: readonly Check<HomeSubject>[] = [
  ...[homeFiles, homeModes, fleetConfiguration, homeLeftovers, runtimes, supervisor],
  ...[orphans, disk, memory, inotify, limits, sandbox, homeLogs],
];

/** What was interrupted comes first: mending it may put files in place that the others look at. */
export const AGENT_CHECKS: readonly Check<AgentSubject>[] = [
  ...[interruptedRestore, interruptedUpdate, agentLeftovers, agentFiles, agentModes, agentOwners, sourceLinks, agentConfiguration],
  ...[lettaKey, running, database, plugins, clock, agentLogs],
];
