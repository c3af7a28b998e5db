/** What the demo prints: steps, the commands it runs, and what they answered. */

const isColoured = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;

// A terminal that was closed takes no words any more, and a pipe may be: what is to be stopped and removed is so all the same.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

function paint(code: number, text: string): string {
  return isColoured ? `\u001b[${code}m${text}\u001b[0m` : text;
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function sayStep(text: string): void {
  say(`\n${paint(1, `▸ ${text}`)}`);
}

export function sayCommand(command: string): void {
  say(paint(36, `  $ ${command}`));
}

export function sayOutput(text: string): void {
  for (const line of text.trimEnd().split('\n')) say(`    ${line}`);
}

export function sayFault(text: string): void {
  process.stderr.write(`${paint(31, '✗')} ${text}\n`);
}
