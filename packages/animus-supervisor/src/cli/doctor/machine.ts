/** What this machine gives: room, watches, memory, a sandbox, a Node and packages that fit. */
import fs from 'node:fs';
import path from 'node:path';
import { ok, parseFleetConfig, type Result, supervisionOf } from 'animus-protocol';
import * as v from 'valibot';
import { homePaths } from '../../home/paths.ts';
import { runtimePaths } from '../../home/release-file.ts';
import { ensureRuntime, findRuntimeLack } from '../../home/runtime.ts';
import { probeSandbox } from '../../isolation/probe.ts';
import { runBriefly } from '../../worker/process.ts';
import { ask } from '../client.ts';
import { readText } from '../read-text.ts';
import { size } from '../render.ts';
import { type AgentSubject, type Check, fault, type HomeSubject, warning } from './check.ts';
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
  look: async ({ home, context }) => {
    const installation = context.installation();
    const ours = installation.ok ? findRuntimeLack(home, installation.value) : null;
    const { runtimes: folder, socket } = homePaths(home);
    const mend = async (): Promise<Result<string, string>> => {
      if (!installation.ok) return installation;
      const { version } = ensureRuntime(home, installation.value);
      await ask(socket, { kind: 'rescan' }, { timeoutMs: PATIENCE_MS });
      return ok(`runtime/${version} was made again`);
    };
    const versions = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => !name.startsWith('.')) : [];
    const found = versions.map(async (version) => {
      const reasons = await examineRuntime(home, version, version === ours?.version ? ours.lack : null);
      return reasons.map((reason) =>
        fault(reason, 'animus upgrade makes it again, or moves its agents to a new one', version === ours?.version ? mend : null),
      );
    });
    return { said: `${versions.length}, each with its Node and its packages`, findings: (await Promise.all(found)).flat() };
  },
};

/** `lack`: what it lacks compared with the installation it was made from, where that is known. */
async function examineRuntime(home: string, version: string, lack: string | null): Promise<string[]> {
  const runtime = runtimePaths(home, version);
  const described = v.safeParse(v.pipe(v.string(), v.parseJson(), runtimeFile), readText(path.join(runtime.folder, 'runtime.json')));
  if (!described.success) return [`runtime/${version}/runtime.json cannot be read`];
  const { node, packages } = described.output;
  const wrong = Object.entries(packages).filter(([place, wanted]) => packageVersion(path.join(runtime.packages, place)) !== wanted);
  const names = wrong.map(([place, wanted]) => `${place} ${wanted}`);
  if (names.length > 0) return [`runtime/${version} lacks ${names.slice(0, 5).join(', ')}${names.length > 5 ? ' …' : ''}`];
  const ran = await runBriefly(runtime.node, ['--version'], {}, PATIENCE_MS);
  if (!ran.ok) return [`the Node of runtime/${version} does not run: ${ran.error}`];
  if (ran.value.replace(/^v/, '') !== node.replace(/^v/, ''))
    return [`the Node of runtime/${version} is ${ran.value}, and should be ${node}`];
  if (lack !== null) return [`in runtime/${version}, ${lack} is missing, or is not what was installed`];
  const opened = await runBriefly(runtime.node, ['-e', OPEN_DATABASE, path.join(runtime.packages, 'better-sqlite3')], {}, PATIENCE_MS);
  return opened.ok ? [] : [`SQLite of runtime/${version} does not load: ${lastLine(opened.error)}`];
}

/** Its addon is machine code: that its files are there does not tell that it works with this Node on this system. */
const OPEN_DATABASE = "new (require(process.argv[1]))(':memory:').close()";

/** What a program said last is why it failed. */
function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /Error/.test(line))?.trim() ?? lines.at(-1) ?? text;
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
