/**
 * Measures, beside floors measured in the same run, prints a table and, when asked, writes it as JSON.
 *
 *     npm run bench [-- --json FILE] [--only NAME]
 */
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { backlogClaim } from './backlog-claim.ts';
import { backlogRestart } from './backlog-restart.ts';
import { backup } from './backup.ts';
import { brocaIdle } from './broca-idle.ts';
import { brocaStart } from './broca-start.ts';
import { echo } from './echo.ts';
import type { Figure } from './figure.ts';
import { health } from './health.ts';
import { inboundStored } from './inbound-stored.ts';
import { isolation } from './isolation.ts';
import { latency } from './latency.ts';
import { scale } from './scale.ts';
import { supervision } from './supervision.ts';
import { telegram } from './telegram.ts';
import { turnOverhead } from './turn-overhead.ts';

const BENCHMARKS: Record<string, () => Promise<Figure[]>> = {
  start: brocaStart,
  isolation,
  idle: brocaIdle,
  inbound: inboundStored,
  echo,
  latency,
  turn: turnOverhead,
  claim: backlogClaim,
  restart: backlogRestart,
  health,
  backup,
  supervision,
  scale,
  telegram,
};

const { values } = parseArgs({ options: { json: { type: 'string' }, only: { type: 'string', multiple: true } } });
const chosen = Object.entries(BENCHMARKS).filter(([name]) => values.only?.includes(name) ?? true);

const figures: Figure[] = [];
for (const [name, measure] of chosen) {
  if (process.stderr.isTTY) process.stderr.write(`measuring ${name} …\n`);
  figures.push(...(await measure()));
}
printTable(figures);
if (values.json !== undefined)
  fs.writeFileSync(
    values.json,
    `${JSON.stringify(
      figures.map(({ aim: _, ...figure }) => figure),
      null,
      2,
    )}\n`,
  );

function printTable(all: readonly Figure[]): void {
  const rows = all.map(({ name, value, unit, floor, ratio, target, ok, aim }) => [
    target === null ? ' ' : ok ? '✓' : '✗',
    name,
    `${value} ${unit}`,
    `${floor}`,
    `${ratio}`,
    aim,
  ]);
  const header = ['', 'figure', 'value', 'floor', 'ratio', 'target'];
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of [header, ...rows])
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}
