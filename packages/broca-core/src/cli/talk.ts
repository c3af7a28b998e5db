/** `broca send` and `broca chat`: what of a reply goes to standard output, what a person is told besides, and the exit code. */
import { resolve } from 'node:path';
import { EXIT, type ExitCode, unreachable } from 'animus-protocol';
import type { ConsoleReply } from '../commands/command-values.ts';
import type { Invocation } from './invocation.ts';
import { printable } from './render.ts';
import { type Sent, sendMessage } from './send.ts';
import type { Terminal } from './terminal.ts';

/** What --json says of a message that Broca did not say it has. */
const UNHEARD_OF: ConsoleReply = { turnId: null, isOver: false, state: null, outcome: null, reason: null, parts: [] };

type SendInvocation = Extract<Invocation, { kind: 'send' }>;
type ChatInvocation = Extract<Invocation, { kind: 'chat' }>;

export async function send(invocation: SendInvocation, terminal: Terminal): Promise<ExitCode> {
  if (invocation.text === null && terminal.isKeyboard) {
    terminal.err('broca: say what to send: broca send "text", or give it on standard input\n');
    return EXIT.usage;
  }
  const text = invocation.text ?? (await terminal.readAll()).trimEnd();
  const sent = await sendMessage({ ...invocation, folder: resolve(invocation.folder), text, notice: noticeTo(terminal) });
  if (!invocation.json || sent.kind === 'failed') return say(sent, terminal);
  const reply = sent.kind === 'reply' ? sent.reply : (sent.last ?? UNHEARD_OF);
  terminal.out(`${JSON.stringify(reply, null, 2)}\n`);
  return sent.kind === 'reply' ? exitCodeOf(sent) : say(sent, terminal);
}

/** One line is one message. A failed one is told and the next is taken; without a terminal the exit code remembers it. */
export async function chat(invocation: ChatInvocation, terminal: Terminal): Promise<ExitCode> {
  const folder = resolve(invocation.folder);
  let code: ExitCode = EXIT.done;
  const lines = terminal.lines('> ');
  const { left } = lines;
  for await (const line of lines) {
    if (line.trim() === '') continue;
    const sent = await sendMessage({ ...invocation, folder, text: line, files: [], wait: !left.aborted, left, notice: noticeTo(terminal) });
    const said = say(sent, terminal);
    if (said !== EXIT.done) code = said;
  }
  return terminal.isInteractive ? EXIT.done : code;
}

function say(sent: Sent, terminal: Terminal): ExitCode {
  switch (sent.kind) {
    case 'failed':
      terminal.err(`broca: ${sent.error}\n`);
      break;
    case 'timeout':
      terminal.err(`broca: ${lateness(sent.last)}\n`);
      break;
    case 'reply': {
      const { parts, state, outcome, reason, turnId, isOver } = sent.reply;
      const text = parts.map((part) => part.text).join('\n\n');
      if (text !== '') terminal.out(`${terminal.isScreen ? printable(text) : text}\n`);
      const remark = isOver ? remarkOn(state, outcome, reason, turnId) : null;
      if (remark !== null) terminal.err(`broca: ${remark}\n`);
      break;
    }
    default:
      unreachable(sent);
  }
  return exitCodeOf(sent);
}

function remarkOn(state: string | null, outcome: string | null, reason: string | null, turnId: number | null): string | null {
  if (state === 'parked')
    return `turn ${turnId} was set aside: ${reason}. See broca queue show ${turnId}, then broca queue retry ${turnId} or broca queue settle ${turnId}`;
  switch (outcome) {
    case 'silent':
      return 'the agent chose to say nothing';
    case 'stored':
      return 'the message is stored; here the agent only listens (message_processing.mode, or plugins.console.message_mode, is listen)';
    case 'refused':
      return `the message was refused: ${reason}`;
    case 'flushed':
      return `turn ${turnId} was dropped from the queue: ${reason}`;
    default:
      return null;
  }
}

function exitCodeOf(sent: Sent): ExitCode {
  if (sent.kind !== 'reply') return EXIT.failed;
  const { state, outcome, isOver } = sent.reply;
  const wentWell = !isOver || (state === 'settled' && outcome !== 'refused' && outcome !== 'flushed');
  return wentWell ? EXIT.done : EXIT.failed;
}

function lateness(last: ConsoleReply | null): string {
  if (last === null) return 'Broca did not say in time that it has the message: look for it with broca conversations list';
  const { turnId, state, reason } = last;
  const why = state === 'waiting' && reason !== null ? ` (${reason})` : '';
  return `no reply yet${why}. The message is turn ${turnId} and goes on: broca queue show ${turnId}`;
}

function noticeTo(terminal: Terminal): (text: string) => void {
  return (text) => terminal.err(`broca: ${text}\n`);
}
