/**
 * The fleet's configuration as Brocas see it: what is for them (`defaults`, `logs`), without what it says of other agents, and as it
 * was when it could last be read: no Broca stops for a slip of the pen in a file that the supervisor reports anyway. A copy in a
 * folder, since a sandbox that is given a file by itself keeps the old one when an editor puts a new one in its place.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { parseFleetDefaults } from 'animus-protocol';
import type { HomePaths } from '../home/paths.ts';

/** What is no JSON is shared as that: a Broca that starts must not take silence for "no defaults". */
const UNREADABLE = 'animus.config.json of the home is no JSON\n';

export function shareFleetConfig({ config, shared, sharedConfig }: HomePaths): void {
  mkdirSync(shared, { recursive: true, mode: 0o700 });
  const text = readText(config);
  if (text === null) {
    rmSync(sharedConfig, { force: true });
    return;
  }
  const former = readText(sharedConfig);
  const isUsable = parseFleetDefaults(text).problems.every(({ severity }) => severity === 'warning');
  const copy = isUsable || former === null ? (ownPart(text) ?? UNREADABLE) : former;
  if (copy === former) return;
  writeFileSync(`${sharedConfig}.new`, copy, { mode: 0o600 });
  renameSync(`${sharedConfig}.new`, sharedConfig);
}

function ownPart(text: string): string | null {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    if (typeof value !== 'object' || value === null) return null;
    const own = Object.entries(value).filter(([key]) => key === 'defaults' || key === 'logs');
    return `${JSON.stringify(Object.fromEntries(own), null, 2)}\n`;
  } catch {
    return null;
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
