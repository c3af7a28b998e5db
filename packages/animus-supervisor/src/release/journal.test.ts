/** A switch that ends at any moment, as a kill would end it, leaves the old or the new. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import DatabaseConstructor from 'better-sqlite3';
import { takeHomeLock } from '../fleet/lock.ts';
import { type AgentPaths, agentFolderPaths } from '../home/paths.ts';
import {
  beginSwitch,
  decideFor,
  finishSwitch,
  isUnfinished,
  type Order,
  SWITCH_STEPS,
  type SwitchStep,
  settleSwitch,
  undoSwitch,
  writeOrder,
} from './journal.ts';
import { currentName, linkName, pointLink } from './links.ts';
import { copyClone } from './swap-clone.ts';

class Killed extends Error {}

describe('a switch', () => {
  let agent: AgentPaths;

  beforeEach(() => {
    agent = agentFolderPaths(fs.mkdtempSync(path.join(os.tmpdir(), 'journal-')));
    for (const folder of [agent.run, agent.clone, agent.update, path.join(agent.releases, 'old'), path.join(agent.releases, 'new')])
      fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(agent.clone, 'sources'), 'old');
    pointLink(agent.currentRelease, 'old');
    write(agent.database, 'before');
  });
  afterEach(() => fs.rmSync(agent.folder, { recursive: true, force: true }));

  function order(changed: Partial<Order> = {}): void {
    const clone = copyClone(agent, path.join(agent.update, 'clone'));
    fs.writeFileSync(path.join(agent.update, 'clone/sources'), 'new');
    writeOrder(agent, { from: 'old', to: 'new', database: 'migrates', clone, at: '2026-11-28T10:00:00.000Z', ...changed });
  }

  const state = () => ({
    current: currentName(agent),
    former: linkName(agent.formerRelease),
    notes: readNotes(agent.database),
    sources: fs.readFileSync(path.join(agent.clone, 'sources'), 'utf8'),
    isUnfinished: isUnfinished(agent),
  });
  const OLD = { current: 'old', former: null, notes: ['before'], sources: 'old', isUnfinished: false };
  const NEW = { current: 'new', former: 'old', notes: ['before', 'migrated'], sources: 'new', isUnfinished: false };

  /** Throws at a step, which closes what is open as a kill does; what is left is what a kill leaves. */
  const killAt = (step: SwitchStep) => (reached: SwitchStep) => {
    if (reached === step) throw new Killed(step);
  };

  async function switchOver(killedAt: SwitchStep, isWell: boolean): Promise<void> {
    try {
      const begun = await beginSwitch(agent, killAt(killedAt));
      assert.ok(begun.ok, begun.ok ? '' : begun.error);
      write(agent.database, 'migrated');
      if (isWell) {
        decideFor(agent);
        await finishSwitch(agent, killAt(killedAt));
      } else {
        await undoSwitch(agent, killAt(killedAt));
      }
      assert.fail(`${killedAt} is never reached`);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }

  for (const step of SWITCH_STEPS.filter((each) => each !== 'restored' && each !== 'returned')) {
    it(`killed at "${step}" it is settled to the old or the new`, async () => {
      order();
      await switchOver(step, true);
      assert.ok((await settleSwitch(agent)).ok);
      assert.deepEqual(state(), step === 'decided' || step === 'swapped' ? NEW : OLD);
      assert.ok((await settleSwitch(agent)).ok, 'settling twice changes nothing');
    });
  }

  for (const step of ['switched', 'restored', 'returned'] as const) {
    it(`killed at "${step}" on its way back it is the old`, async () => {
      order();
      await switchOver(step, false);
      assert.ok((await settleSwitch(agent)).ok);
      assert.deepEqual(state(), OLD);
    });
  }

  it('what the old release took in after it was back is not lost to a second settling', async () => {
    order();
    await switchOver('returned', false);
    write(agent.database, 'taken in since');
    assert.ok((await settleSwitch(agent)).ok);
    assert.deepEqual(state(), { ...OLD, notes: ['before', 'taken in since'] });
  });

  it('the database is not touched while a Broca or a command has the folder', async () => {
    order();
    const lock = takeHomeLock(agent.lock);
    const begun = await beginSwitch(agent);
    lock?.release();
    assert.deepEqual(begun, { ok: false, error: 'its folder is in use by a Broca, or by a command that does not end' });
    assert.deepEqual(state(), OLD);
  });

  it('a clone that somebody worked in meanwhile is kept beside the new one', async () => {
    order();
    fs.writeFileSync(path.join(agent.clone, 'sources'), 'edited in between');
    assert.ok((await beginSwitch(agent)).ok);
    decideFor(agent);
    const aside = await finishSwitch(agent);
    assert.equal(fs.readFileSync(path.join(aside ?? '', 'sources'), 'utf8'), 'edited in between');
    assert.equal(state().sources, 'new');
  });

  it('keeps the database from before a migration for a rollback, and puts it back', async () => {
    order({ clone: null });
    assert.ok((await beginSwitch(agent)).ok);
    write(agent.database, 'migrated');
    decideFor(agent);
    await finishSwitch(agent);
    assert.deepEqual(readNotes(agent.formerDatabase), ['before']);
    fs.mkdirSync(agent.update);
    writeOrder(agent, { from: 'new', to: 'old', database: 'former', clone: null, at: '' });
    assert.ok((await beginSwitch(agent)).ok);
    assert.deepEqual(readNotes(agent.database), ['before']);
    assert.ok((await undoSwitch(agent)).ok);
    assert.deepEqual([currentName(agent), readNotes(agent.database)], ['new', ['before', 'migrated']]);
  });
});

function write(file: string, note: string): void {
  const db = new DatabaseConstructor(file);
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE IF NOT EXISTS notes (text TEXT)');
  db.prepare('INSERT INTO notes VALUES (?)').run(note);
  db.close();
}

function readNotes(file: string): unknown[] {
  const db = new DatabaseConstructor(file, { readonly: true });
  try {
    return db.prepare('SELECT text FROM notes').pluck().all();
  } finally {
    db.close();
  }
}
