/**
 * The Letta simulator as a program of its own: reads its configuration as lines of JSON from stdin (keys belong in no command
 * line), prints `{"url": …}` when it listens and `{"added": […]}` for later lines, and ends when stdin closes or SIGTERM or SIGINT comes.
 */
import { createInterface } from 'node:readline';
import { EXIT, type ExitCode } from 'animus-protocol';
import { type ProgramLine, parseProgramLine, programScript } from './program.ts';
import { type LettaSimulator, startLettaSimulator } from './simulator.ts';

async function main(): Promise<ExitCode> {
  const lines = createInterface({ input: process.stdin });
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => lines.close());
  }
  let simulator: LettaSimulator | null = null;
  let exitCode: ExitCode = EXIT.done;
  for await (const line of lines) {
    const parsed = parseProgramLine(line);
    if (!parsed.ok) {
      process.stderr.write(`letta-simulator: ${parsed.error}\n`);
      exitCode = EXIT.usage;
      break;
    }
    if (simulator === null) {
      simulator = await start(parsed.value);
    } else {
      for (const agent of parsed.value.agents) {
        simulator.addAgent(agent);
      }
      process.stdout.write(`${JSON.stringify({ added: parsed.value.agents.map(({ id }) => id) })}\n`);
    }
  }
  process.stdin.destroy();
  await simulator?.close();
  return exitCode;
}

async function start(settings: ProgramLine): Promise<LettaSimulator> {
  const simulator = await startLettaSimulator({ port: settings.port, agents: settings.agents, script: programScript(settings.pauseMs) });
  process.stdout.write(`${JSON.stringify({ url: simulator.url })}\n`);
  return simulator;
}

process.exitCode = await main();
