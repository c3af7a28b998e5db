/** The systemd unit of a home's supervisor: its name, its text, and what is read back from one that stands already. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { SUPERVISOR_FLAGS } from '../../home/installation.ts';

/** `user`: of the person's own systemd; `system`: of the machine's. */
export type Scope = 'user' | 'system';

export type UnitFacts = {
  scope: Scope;
  home: string;
  /** Absolute: neither depends on a PATH, nor on what the machine's own Node is. */
  node: string;
  program: string;
  /** Whom a unit of the machine runs as; null: root. */
  user: string | null;
};

/** One name for the home everybody has, a telling one for others. */
export function unitName(home: string, defaultHome: string): string {
  if (home === defaultHome) return 'animus.service';
  const slug = path
    .basename(home)
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 40);
  const hash = createHash('sha256').update(home).digest('hex').slice(0, 8);
  return `animus-${slug === '' ? '' : `${slug}-`}${hash}.service`;
}

/**
 * KillMode=process, no ExecStop: when the supervisor alone ends or is replaced, the Brocas go on and are taken over.
 * OOMPolicy=continue: one Broca that runs out of memory must not end the unit. Delegate=yes: each Broca may have a
 * cgroup of its own. Exit 0 is `animus down`; 78 and 2 do not get better by trying again.
 */
export function unitText({ scope, home, node, program, user }: UnitFacts): string {
  const isSystem = scope === 'system';
  const lines = [
    '# Written by `animus service install`, which writes it anew; `animus service uninstall` removes it.',
    '[Unit]',
    `Description=Animus: the Brocas of ${specifier(home)}`,
    ...(isSystem ? ['Wants=network-online.target', 'After=network-online.target'] : []),
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=exec',
    ...(user === null ? [] : [`User=${user}`]),
    `WorkingDirectory=${specifier(home)}`,
    `ExecStart=${[node, ...SUPERVISOR_FLAGS, program, '--home', home].map(quoted).join(' ')}`,
    'KillMode=process',
    'OOMPolicy=continue',
    'Delegate=yes',
    'UMask=0077',
    'Restart=on-failure',
    'RestartSec=5',
    'RestartPreventExitStatus=2 78',
    'TimeoutStopSec=30',
    '',
    '[Install]',
    `WantedBy=${isSystem ? 'multi-user.target' : 'default.target'}`,
    '',
  ];
  return lines.join('\n');
}

/** What a unit of ours starts; null when its ExecStart is none of ours. */
export function readUnit(text: string): Pick<UnitFacts, 'node' | 'program' | 'home'> | null {
  const line = /^ExecStart=(.*)$/m.exec(text)?.[1] ?? '';
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) => unquoted(word));
  const [node, ...others] = words;
  // Behind Node's own options.
  const [program, option, home] = others.slice(others.findIndex((word) => !word.startsWith('-')));
  if (node === undefined || program === undefined || option !== '--home' || home === undefined) return null;
  return { node, program, home };
}

/** As systemd.service(5) reads it: quotes and backslashes, `%` of specifiers, `$` of variables. */
function quoted(word: string): string {
  return `"${specifier(word.replaceAll(/["\\]/g, '\\$&')).replaceAll('$', '$$$$')}"`;
}

function unquoted(word: string): string {
  return word.replaceAll('$$', '$').replaceAll('%%', '%').replaceAll(/\\(.)/g, '$1');
}

function specifier(text: string): string {
  return text.replaceAll('%', '%%');
}
