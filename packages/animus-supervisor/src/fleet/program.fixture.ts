/** The supervisor program on a home of puppets, for tests. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import type { AgentId } from 'animus-protocol';
import { PuppetStage } from 'animus-testkit';
import { agentPaths, homePaths } from '../home/paths.ts';

/** Gives an agent a release, as deploy does, whose Broca is a puppet. */
export function release(home: string, agent: AgentId): void {
  // The puppet's program is this checkout's: in a sandbox it would not be there.
  writeFileSync(homePaths(home).config, '{ "supervisor": { "isolation": "off" } }');
  const folder = path.join(agentPaths(home, agent).releases, 'c0ffee');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    path.join(folder, 'release.json'),
    JSON.stringify({ commit: 'c0ffee', version: '1', runtime: 'test', builtAt: '2025-11-24T00:00:00Z' }),
  );
  writeFileSync(path.join(folder, 'broca.mjs'), `import ${JSON.stringify(pathToFileURL(PuppetStage.program).href)};\n`);
  symlinkSync('c0ffee', agentPaths(home, agent).currentRelease);
  const bin = path.join(homePaths(home).runtimes, 'test/bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(bin, '../runtime.json'), '{}');
  if (!existsSync(path.join(bin, 'node'))) symlinkSync(process.execPath, path.join(bin, 'node'));
}

/** The supervisor as a process of its own. */
export class Program implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown[]>;

  constructor(home: string) {
    this.child = spawn(process.execPath, [path.join(import.meta.dirname, '../main.ts'), '--home', home], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.exited = once(this.child, 'exit');
  }

  /** What it says of itself: one line. */
  async firstLine(): Promise<{ ready: boolean; message?: string }> {
    assert.ok(this.child.stdout);
    const [line] = await once(createInterface({ input: this.child.stdout }), 'line');
    return JSON.parse(line);
  }

  async kill(signal: NodeJS.Signals): Promise<unknown> {
    this.child.kill(signal);
    const [code, how] = await this.exited;
    return code ?? how;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.kill('SIGKILL');
  }
}
