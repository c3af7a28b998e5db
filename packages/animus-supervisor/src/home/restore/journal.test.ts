/** A restore that ends between any two of its steps is taken back or finished by whoever comes next; nothing is half. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { type AgentPaths, agentFolderPaths } from '../paths.ts';
import { finishRestore, isRestoreLeft, putInPlace, RESTORE_STEPS, type RestoreStep } from './journal.ts';

class Killed extends Error {}

/** What a restore replaces, old in the folder and new in the prepared one. */
const REPLACED = ['animus.db', 'settings.json', '.env', 'plugins/own.ts', 'broca/package.json', 'run/telegram.session', 'inbox/late.json'];
/** Not there before. */
const ADDED = new Set(['run/telegram.session', 'inbox/late.json']);

function write(folder: string, text: string, isTaken: (name: string) => boolean): void {
  for (const name of REPLACED.filter(isTaken)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
}

function read({ folder, currentRelease }: AgentPaths): (string | null)[] {
  const texts = REPLACED.map((name) => (fs.existsSync(path.join(folder, name)) ? fs.readFileSync(path.join(folder, name), 'utf8') : null));
  return [...texts, fs.readlinkSync(currentRelease)];
}

/** The pid of a process that has ended. */
const DEAD = spawnSync('true').pid;

for (const step of RESTORE_STEPS) {
  it(`killed at ${step}`, () => {
    const temp = fs.mkdtempSync(path.join(os.tmpdir(), 'restore-'));
    try {
      const agent = agentFolderPaths(path.join(temp, 'agent-one'));
      for (const folder of [agent.folder, agent.run, agent.inbox, agent.releases]) fs.mkdirSync(folder);
      write(agent.folder, 'old', (name) => !ADDED.has(name));
      fs.symlinkSync('former', agent.currentRelease);
      const old = read(agent);
      const prepared = path.join(temp, 'prepared');
      write(prepared, 'new', () => true);
      assert.throws(() => putInPlace(agent, prepared, 'latter', dieAt(step)), Killed);
      const plan = path.join(agent.folder, '.restore/plan.json');
      if (fs.existsSync(plan)) {
        assert.equal(isRestoreLeft(agent), false, 'whoever is at it lives');
        const written = JSON.parse(fs.readFileSync(plan, 'utf8'));
        fs.writeFileSync(plan, JSON.stringify({ ...written, maker: { ...written.maker, pid: DEAD } }));
      }
      finishRestore(agent);
      assert.deepEqual(read(agent), step === 'placed' ? old : [...REPLACED.map(() => 'new'), 'latter']);
      assert.equal(fs.existsSync(path.join(agent.folder, '.restore')), false);
    } finally {
      fs.rmSync(temp, { recursive: true });
    }
  });
}

function dieAt(step: RestoreStep): (reached: RestoreStep) => void {
  return (reached) => {
    if (reached === step) throw new Killed();
  };
}
