/** `broca chat` at a real terminal: what a person presses while a reply is awaited. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { AgentFolder, BrocaProcess, startLettaSimulator } from 'animus-testkit';
import { noTerminal, TerminalProgram } from '../terminal.ts';

const KEY = 'sk-very-secret-key-4711';
const BROCA = join(import.meta.dirname, '../../packages/broca-core/src/main.ts');

for (const [key, pressed, isSent] of [
  ['Ctrl-C', '\u0003', false],
  ['Ctrl-D', '\u0004', true],
] as const) {
  test(`${key} ends a chat while a reply is awaited; the message goes on`, { skip: noTerminal }, async () => {
    await using letta = await startLettaSimulator({ agents: [{ id: 'agent-test', apiKey: KEY }] });
    using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY });
    await using broca = await BrocaProcess.start(agent.folder);
    letta.hold();
    await using terminal = new TerminalProgram([process.execPath, BROCA, 'chat', '--folder', agent.folder], process.env);
    await terminal.answer(/> /, 'are you there?');
    await broca.beat(({ queue }) => queue.running === 1);
    terminal.type('and this?\r');
    await terminal.shows(/and this\?/);
    terminal.type(pressed);
    await terminal.shows(/no reply yet.*The message is turn 1 and goes on: broca queue show 1/);
    assert.equal(await terminal.exit(), 0);
    letta.release();
    await broca.beat(({ queue }) => queue.running + queue.waiting === 0);
    const asked = letta.turns.map(({ text }) => text.replace(/^.*\] /, ''));
    assert.deepEqual(asked, isSent ? ['are you there?', 'and this?'] : ['are you there?']);
  });
}
