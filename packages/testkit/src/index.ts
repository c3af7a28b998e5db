/** What tests of all packages may use. */
export { AgentFolder, type AgentFolderRequest } from './broca/agent-folder.ts';
export { type BrocaExit, BrocaLink, BrocaProcess } from './broca/broca-process.ts';
export { FakeClock } from './clock.ts';
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
export type { PuppetOrder } from './puppet/orders.ts';
export { Puppet, PuppetStage } from './puppet/stage.ts';
export { commitAll, runGit, snapshotRepository, standInRepository, writeFiles } from './repository.ts';
export { type AnimusProcess, makeRig, type Ran, type Rig, type RunOptions } from './rig.ts';
export {
  type Account as TelegramAccount,
  type Entity as TelegramEntity,
  type Fault as TelegramFault,
  type FaultHandle as TelegramFaultHandle,
  type FileSettings as TelegramFileSettings,
  type Group as TelegramGroup,
  type LedgerEntry as TelegramLedgerEntry,
  type Message as TelegramMessage,
  startTelegramDataCentre,
  type TelegramDataCentre,
  type TelegramProxy,
  type TelegramSettings,
} from './telegram-data-centre/index.ts';
export { TelegramProcess } from './telegram-data-centre/telegram-process.ts';
