/**
 * One bootstrap at a time per checkout. Needs no package and no newer Node than 18, so the lock is a file
 * that names its owner by process id and kernel start time: a dead owner's lock is taken over, and a
 * process that merely got the same id is not taken for the owner.
 */
import fs from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

const POLL_MS = 200;

/** Kernel start time of a process, in clock ticks since boot; empty where /proc does not tell. */
function startTime(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return '';
  }
}

function isAlive(owner) {
  const [pid, started] = owner.trim().split(' ');
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (error.code === 'ESRCH') return false;
  }
  return !started || startTime(pid) === started;
}

function tryTake(file, me) {
  // A link appears with its content at once: nobody ever reads a half-written owner.
  const draft = `${file}.${process.pid}`;
  fs.writeFileSync(draft, me);
  try {
    fs.linkSync(draft, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

function ownerOf(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

/** Moves a dead owner's lock away. Two may try: whoever finds a living lock in its hands puts it back. */
function dropDead(file, owner) {
  const aside = `${file}.dead.${process.pid}`;
  try {
    fs.renameSync(file, aside);
    if (fs.readFileSync(aside, 'utf8') !== owner) fs.linkSync(aside, file);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  } finally {
    fs.rmSync(aside, { force: true });
  }
}

export async function withLock(file, note, work) {
  const me = `${process.pid} ${startTime(process.pid)}`;
  let told = false;
  while (!tryTake(file, me)) {
    const owner = ownerOf(file);
    if (owner !== null && !isAlive(owner)) {
      dropDead(file, owner);
      continue;
    }
    if (!told && owner !== null) note(`waiting for process ${owner.split(' ')[0]}, which is installing or building here`);
    told = true;
    await wait(POLL_MS);
  }
  try {
    return await work();
  } finally {
    if (ownerOf(file) === me) fs.rmSync(file, { force: true });
  }
}
