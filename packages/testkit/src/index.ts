/** What tests of all packages may use. */
export { type CannedAnswer, type LettaErrorName, lettaErrors } from './letta-simulator/errors.ts';
export type { Fault, FaultDeed, FaultHandle, FaultMatch, Progress } from './letta-simulator/faults.ts';
export { echoScript, type Script, type ScriptStep, type ScriptTurn } from './letta-simulator/script.ts';
export {
  type LettaSimulator,
  type LettaSimulatorSettings,
  type RequestChoice,
  type RunsAtRestart,
  startLettaSimulator,
  type TurnChoice,
} from './letta-simulator/simulator.ts';
export type { AgentSettings, RecordedRequest, RunStatus, SimulatorEvent, Turn, TurnOutcome } from './letta-simulator/world.ts';
export { commitAll, runGit, snapshotRepository, standInRepository, writeFiles } from './repository.ts';
