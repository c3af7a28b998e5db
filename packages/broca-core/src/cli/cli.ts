/** Broca's command line, `run` apart: words → command → text or JSON → exit code. */
import { resolve } from 'node:path';
import { EXIT, type ExitCode, readBrocaConfig, unreachable } from 'animus-protocol';
import { askBroca } from './ask.ts';
import { isGroup } from './groups.ts';
import { type Invocation, parseCommandLine } from './invocation.ts';
import { outbound } from './outbound.ts';
import { runPluginCommandLine } from './plugin.ts';
import { at } from './render.ts';
import { report } from './reports.ts';
import { chat, send } from './talk.ts';
import { processTerminal, type Terminal } from './terminal.ts';
import { asTyped } from './typed-policy.ts';

/** `agent`: how the person named the agent to `animus`, which passed this on; null for one who typed `broca`. */
export async function runCli(argv: string[], agent: string | null, own: Terminal = processTerminal()): Promise<ExitCode> {
  const terminal: Terminal = { ...own, err: (text) => own.err(asTyped(text, agent)) };
  const ofPlugin = await runPluginCommandLine(argv, terminal);
  if (ofPlugin !== null) return ofPlugin;
  const parsed = parseCommandLine(argv);
  switch (parsed.kind) {
    case 'text':
      terminal.out(asTyped(parsed.text, agent));
      return EXIT.done;
    case 'usage':
      terminal.err(`broca: ${parsed.message}\nSee broca ${isGroup(argv[0]) ? `${argv[0]} ` : ''}--help\n`);
      return EXIT.usage;
    case 'run':
      return await run(parsed.invocation, terminal);
    default:
      return unreachable(parsed);
  }
}

async function run(invocation: Invocation, terminal: Terminal): Promise<ExitCode> {
  switch (invocation.kind) {
    case 'command':
      return await runCommand(invocation, terminal);
    case 'send':
      return await send(invocation, terminal);
    case 'chat':
      return await chat(invocation, terminal);
    case 'outbound':
      return await outbound(invocation, terminal);
    default:
      return unreachable(invocation);
  }
}

async function runCommand(invocation: Extract<Invocation, { kind: 'command' }>, terminal: Terminal): Promise<ExitCode> {
  const { name, args, folder, json } = invocation;
  const answer = await askBroca(resolve(folder), name, args);
  if (!answer.ok) {
    terminal.err(`broca: ${answer.error}\n`);
    const isUnreadable = (name === 'settings.get' || name === 'settings.show') && readBrocaConfig(resolve(folder)).config === null;
    return isUnreadable ? EXIT.configuration : EXIT.failed;
  }
  terminal.out(json ? `${JSON.stringify(answer.value, null, 2)}\n` : report(name, answer.value));
  const isUnusable =
    (name === 'settings.validate' && at(answer.value, 'ok') !== true) ||
    (name === 'settings.set' && at(answer.value, 'isUsable') === false);
  return isUnusable ? EXIT.configuration : EXIT.done;
}
