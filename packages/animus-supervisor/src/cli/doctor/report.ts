/** The diagnosis as a person reads it. */
import { indented, mark, type Screen } from '../render.ts';
import type { Diagnosis, Told } from './examine.ts';

export function diagnosisLines({ home, checks, ok }: Diagnosis, isFixing: boolean, screen: Screen): string[] {
  const lines: string[] = [];
  let agent: Told['agent'] | undefined;
  for (const told of checks) {
    if (told.agent !== agent) lines.push(...(lines.length === 0 ? [] : ['']), screen.paint('bold', told.agent ?? `Home ${home}`));
    agent = told.agent;
    lines.push(...checkLines(told, screen));
  }
  return [...lines, '', summary(checks, ok, isFixing)];
}

function checkLines({ check, said, findings, mended, notMended }: Told, screen: Screen): string[] {
  const name = check.padEnd(14);
  const lines = findings.length === 0 ? [`${mark(screen, true)} ${name} ${said}`] : [];
  for (const { severity, reason, remedy } of findings) {
    const sign = severity === 'fault' ? mark(screen, false) : screen.paint('yellow', '!');
    lines.push(`${sign} ${name} ${indented(reason)}`, `    → ${indented(remedy)}`);
  }
  return [
    ...lines,
    ...mended.map((line) => `    ${screen.paint('green', '+')} ${line}`),
    ...notMended.map((line) => `    ${screen.paint('red', '-')} not mended: ${indented(line)}`),
  ];
}

function summary(checks: readonly Told[], ok: boolean, isFixing: boolean): string {
  const findings = checks.flatMap((told) => told.findings);
  const faults = findings.filter(({ severity }) => severity === 'fault').length;
  const count = `${faults} ${faults === 1 ? 'fault' : 'faults'}, ${findings.length - faults} to look at`;
  const mended = checks.reduce((sum, told) => sum + told.mended.length, 0);
  const done = isFixing ? `, ${mended} mended` : '';
  const hint = !isFixing && findings.some(({ canBeMended }) => canBeMended) ? '; some of it is mended by: animus doctor --fix' : '';
  return ok && findings.length === 0 ? `All is well${done}.` : `${count}${done}${hint}`;
}
