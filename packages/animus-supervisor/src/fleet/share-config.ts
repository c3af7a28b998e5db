/**
 * The fleet's configuration as Brocas in a sandbox see it: what is for them (`defaults`, `logs`), without what it says of other
 * agents. A copy in a folder, since a file that is shared by itself stays the old one when an editor puts a new one in its place.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { HomePaths } from '../home/paths.ts';

/** What is no JSON is shared as that: a Broca that starts must not take silence for "no defaults". One that is there already stays. */
const UNREADABLE = 'animus.config.json of the home is no JSON\n';

export function shareFleetConfig({ config, shared, sharedConfig }: HomePaths): void {
  mkdirSync(shared, { recursive: true, mode: 0o700 });
  const text = readText(config);
  if (text === null) {
    rmSync(sharedConfig, { force: true });
    return;
  }
  const copy = ownPart(text) ?? readText(sharedConfig) ?? UNREADABLE;
  if (copy === readText(sharedConfig)) return;
  writeFileSync(`${sharedConfig}.new`, copy, { mode: 0o600 });
  renameSync(`${sharedConfig}.new`, sharedConfig);
}

function ownPart(text: string): string | null {
  try {
    const value: unknown = JSON.parse(text);
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
