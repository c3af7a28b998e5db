/** Are the files there, private, and the owner's own; and does nothing in a clone lead out of it. */
import fs from 'node:fs';
import path from 'node:path';
import { ok } from 'animus-protocol';
import { findLinksOutside } from '../../home/git.ts';
import { findWrongAgentModes, findWrongHomeModes, formatWrongMode, makePrivateFolder, type WrongMode } from '../../home/modes.ts';
import { type AgentPaths, homePaths } from '../../home/paths.ts';
import { readFileFacts } from '../health/facts.ts';
import { type AgentSubject, type Check, type Finding, fault, type HomeSubject, warning } from './check.ts';

export const homeFiles: Check<HomeSubject> = {
  name: 'folders',
  row: 'start',
  look: ({ home }) => {
    const { run, runAgents, logs, runtimes, backups } = homePaths(home);
    const missing = [run, runAgents, logs, runtimes, backups].filter((folder) => !fs.existsSync(folder));
    const findings = missing.map((folder) =>
      warning(`${path.relative(home, folder)}/ is missing`, 'animus init makes it', () => makeFolder(folder, home)),
    );
    return { said: 'the folders of the home are there', findings };
  },
};

export const homeModes: Check<HomeSubject> = {
  name: 'modes',
  row: 'start',
  look: ({ home }) => ({ said: 'nobody else can look into the home', findings: looseModes(findWrongHomeModes(home), home) }),
};

export const agentFiles: Check<AgentSubject> = {
  name: 'files',
  row: 'start',
  look: ({ home, id, agent }) => {
    const facts = readFileFacts(home, id);
    const findings: Finding[] = [];
    // .env is told of with the configuration, a database that is none with the database.
    if (!facts.hasClone && !facts.isMadeByHand)
      findings.push(fault('broca/, the clone, is missing', `bring it back from a backup (animus backup list), or deploy the agent again`));
    if (facts.releaseFault !== null) findings.push(fault('it has no release that can run', facts.releaseFault));
    if (!facts.hasLogs) findings.push(fault('logs/ is missing', 'its next start makes it', () => makeFolder(agent.logs, home)));
    return { said: 'clone, release and logs are there', findings };
  },
};

export const agentModes: Check<AgentSubject> = {
  name: 'modes',
  row: 'start',
  look: ({ home, agent }) => ({
    said: 'nobody else can read its key, its settings and its messages',
    findings: looseModes(findWrongAgentModes(agent), home),
  }),
};

/** What an agent writes must be its own; root's copy of a file by hand is the usual case. */
export const agentOwners: Check<AgentSubject> = {
  name: 'owners',
  row: 'start',
  look: ({ agent, home }) => {
    const owner = fs.statSync(agent.folder).uid;
    const own = [agent.environment, agent.settings, agent.database, `${agent.database}-wal`, `${agent.database}-shm`];
    const written = [agent.logs, agent.brocaLog, agent.outputLog, agent.run, agent.inbox, agent.outbox];
    const foreign = [...own, ...written].filter((file) => (fs.lstatSync(file, { throwIfNoEntry: false })?.uid ?? owner) !== owner);
    const findings = foreign.map((file) =>
      fault(
        `${path.relative(home, file)} belongs to user number ${fs.lstatSync(file).uid}, its folder to ${owner}`,
        `as root: chown -h ${owner} ${file}`,
      ),
    );
    return { said: `its files belong to user number ${owner}`, findings };
  },
};

/** A link that leads out of what is built from reads, or is written through to, what is not the agent's. */
export const sourceLinks: Check<AgentSubject> = {
  name: 'links',
  row: 'start',
  look: ({ agent }) => {
    const findings = [
      ...linksOutside(agent, agent.clone, agent.clone, 'the clone'),
      ...linksOutside(agent, agent.plugins, agent.folder, "the agent's folder"),
    ];
    return { said: 'no link leads out of its clone and its plugins', findings };
  },
};

function linksOutside(agent: AgentPaths, folder: string, within: string, called: string): Finding[] {
  if (!fs.existsSync(folder)) return [];
  return findLinksOutside(folder, within).map((name) => {
    const link = path.join(folder, name);
    return fault(
      `${path.relative(agent.folder, link)} is a link that leads out of ${called}, to ${fs.readlinkSync(link)}`,
      `look whether you put it there; put a copy in its place, or remove it: rm ${link}`,
    );
  });
}

function looseModes(wrong: readonly WrongMode[], home: string): Finding[] {
  return wrong.map((each) => {
    const [reason = '', remedy = ''] = formatWrongMode(each, home).split('; mend it with: ');
    return fault(reason, remedy, () => {
      // Only takes away: who took their own right to write away keeps it so.
      const mode = each.mode & each.wanted;
      fs.chmodSync(each.path, mode);
      return ok(`${path.relative(home, each.path) || each.path} has mode ${mode.toString(8)} now`);
    });
  });
}

function makeFolder(folder: string, home: string): ReturnType<typeof ok<string>> {
  makePrivateFolder(folder);
  return ok(`${path.relative(home, folder)}/ was made`);
}
