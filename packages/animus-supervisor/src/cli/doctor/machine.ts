/** What this machine gives: room, watches, memory, a sandbox, a Node and packages that fit. */
import fs from 'node:fs';
import path from 'node:path';
import { parseFleetConfig, supervisionOf } from 'animus-protocol';
import * as v from 'valibot';
import { homePaths } from '../../home/paths.ts';
import { runtimePaths } from '../../home/release-file.ts';
import { probeSandbox } from '../../isolation/probe.ts';
import { runBriefly } from '../../worker/process.ts';
import { readText } from '../read-text.ts';
import { size } from '../render.ts';
import { type AgentSubject, type Check, type Finding, fault, type HomeSubject, warning } from './check.ts';
import { type InotifyFigures, judgeDisk, judgeInotify, judgeMemory } from './machine-policy.ts';

const PATIENCE_MS = 10_000;

export const disk: Check<HomeSubject> = {
  name: 'disk',
  row: 'resources',
  look: ({ home }) => {
    const { bavail, bsize, ffree, files } = fs.statfsSync(home);
    const figures = { place: home, free: bavail * bsize, inodes: files === 0 ? null : { free: ffree, total: files } };
    const inodes = figures.inodes === null ? '' : `, ${ffree} files fit`;
    return { said: `${size(figures.free)} free${inodes}`, findings: judgeDisk(figures) };
  },
};

export const memory: Check<HomeSubject> = {
  name: 'memory',
  row: 'resources',
  look: () => {
    const available = Number(/^MemAvailable:\s+(\d+) kB/m.exec(readText('/proc/meminfo') ?? '')?.[1] ?? Number.NaN) * 1024;
    if (Number.isNaN(available)) return { said: 'not known on this system', findings: [] };
    return { said: `${size(available)} left`, findings: judgeMemory(available) };
  },
};

export const inotify: Check<HomeSubject> = {
  name: 'inotify',
  row: 'resources',
  look: () => {
    const figures = readInotify();
    if (figures === null) return { said: 'not known on this system', findings: [] };
    const { instances, watches } = figures;
    const said = `${instances.used} of ${instances.limit} instances, ${watches.used} of ${watches.limit} watches used`;
    return { said, findings: judgeInotify(figures) };
  },
};

/** `require` without a sandbox keeps agents from starting; `auto` only leaves them less apart. */
export const sandbox: Check<HomeSubject> = {
  name: 'sandbox',
  row: 'resources',
  look: async ({ home, fleet, context }) => {
    const report = fleet.runtime.sandbox ?? (await probeSandbox(context.environment, process.platform, null));
    if (report.works) return { said: `bubblewrap ${report.version} works`, findings: [] };
    const { config } = parseFleetConfig(readText(homePaths(home).config), '');
    const needing = fleet.agents.filter(({ id }) => supervisionOf(config, id as AgentSubject['id']).isolation === 'require');
    const remedy = 'see "Isolation" in docs/operations.md; then start the supervisor anew';
    const findings = needing.map(({ id }) => fault(`${id} must be isolated, and this machine gives no sandbox: ${report.reason}`, remedy));
    return {
      said: '',
      findings: findings.length > 0 ? findings : [warning(`agents are kept apart by Node alone: ${report.reason}`, remedy)],
    };
  },
};

const runtimeFile = v.object({ node: v.string(), packages: v.record(v.string(), v.string()) });

export const runtimes: Check<HomeSubject> = {
  name: 'runtimes',
  row: 'start',
  look: async ({ home, fleet }) => {
    const findings = await Promise.all(fleet.runtime.versions.map(async ({ version }) => await examineRuntime(home, version)));
    return { said: `${fleet.runtime.versions.length}, each with its Node and its packages`, findings: findings.flat() };
  },
};

async function examineRuntime(home: string, version: string): Promise<Finding[]> {
  const runtime = runtimePaths(home, version);
  const remedy = `set it aside (mv ${runtime.folder} ${runtime.folder}.broken); animus remove keeps a backup, animus deploy makes it anew`;
  const described = v.safeParse(v.pipe(v.string(), v.parseJson(), runtimeFile), readText(path.join(runtime.folder, 'runtime.json')));
  if (!described.success) return [fault(`runtime/${version}/runtime.json cannot be read`, remedy)];
  const { node, packages } = described.output;
  const ran = await runBriefly(runtime.node, ['--version'], {}, PATIENCE_MS);
  const findings: Finding[] = [];
  if (!ran.ok) findings.push(fault(`the Node of runtime/${version} does not run: ${ran.error}`, remedy));
  else if (ran.value.replace(/^v/, '') !== node.replace(/^v/, ''))
    findings.push(fault(`the Node of runtime/${version} is ${ran.value}, and should be ${node}`, remedy));
  const wrong = Object.entries(packages).filter(([place, wanted]) => packageVersion(path.join(runtime.packages, place)) !== wanted);
  const names = wrong.map(([place, wanted]) => `${place} ${wanted}`);
  if (names.length > 0)
    findings.push(fault(`runtime/${version} lacks ${names.slice(0, 5).join(', ')}${names.length > 5 ? ' …' : ''}`, remedy));
  return findings;
}

function packageVersion(folder: string): string | null {
  const parsed = v.safeParse(
    v.pipe(v.string(), v.parseJson(), v.object({ version: v.string() })),
    readText(path.join(folder, 'package.json')),
  );
  return parsed.success ? parsed.output.version : null;
}

/** The limits are for each user; so is what is counted: processes of others cannot be looked into. */
function readInotify(): InotifyFigures | null {
  const [instanceLimit, watchLimit] = ['max_user_instances', 'max_user_watches'].map((name) =>
    Number(readText(`/proc/sys/fs/inotify/${name}`) ?? 0),
  );
  if (!instanceLimit || !watchLimit) return null;
  const uid = process.getuid?.();
  let instances = 0;
  let watches = 0;
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const file of inotifyFiles(pid, uid)) {
      instances += 1;
      watches += (readText(`/proc/${pid}/fdinfo/${file}`) ?? '').split('\n').filter((line) => line.startsWith('inotify ')).length;
    }
  }
  return { instances: { used: instances, limit: instanceLimit }, watches: { used: watches, limit: watchLimit } };
}

/** Its descriptors that are inotify instances; none of a process of somebody else, or that has just ended. */
function inotifyFiles(pid: string, uid: number | undefined): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    if (fs.statSync(`/proc/${pid}`).uid !== uid) return [];
    return fs.readdirSync(folder).filter((name) => isInotify(path.join(folder, name)));
  } catch {
    return [];
  }
}

function isInotify(descriptor: string): boolean {
  try {
    return fs.readlinkSync(descriptor) === 'anon_inode:inotify';
  } catch {
    return false;
  }
}
