/** Takes over the agent's folder argv[3] of home argv[2] with Broca from repository argv[4], and ends as by kill -9 at the step argv[5]. */
import { parseAgentId } from 'animus-protocol';
import { findInstallation } from '../../packages/animus-supervisor/src/home/installation.ts';
import { takeOverAgent } from '../../packages/animus-supervisor/src/home/take-over.ts';

const [home = '', name = '', repository = '', last] = process.argv.slice(2);
const installation = findInstallation(import.meta.dirname, { binary: process.execPath, version: process.version });
const id = parseAgentId(name);
if (!installation.ok || !id.ok) throw new Error('this fixture was called wrongly');
const taken = await takeOverAgent({
  home,
  installation: installation.value,
  id: id.value,
  endpoint: null,
  key: null,
  fallbackKey: null,
  source: { repository, ref: null },
  isChecked: false,
  now: new Date(),
  signal: new AbortController().signal,
  report: () => undefined,
  reached: (step) => {
    if (step === last) process.kill(process.pid, 'SIGKILL');
  },
});
process.stdout.write(JSON.stringify(taken));
