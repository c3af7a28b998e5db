export { type AgentId, agentIdOfFolder, findAgentId, parseAgentId } from './agent-id.ts';
export { EXIT, type ExitCode } from './exit.ts';
export { encodeFrame, FrameDecoder, LONGEST_FRAME } from './framing.ts';
export { formatProblem, type Problem, unknownKeyProblem } from './problem.ts';
export { failed, ok, type Result, unreachable } from './result.ts';
export { withSocketPath } from './socket-path.ts';
export {
  BEAT_INTERVAL_MS,
  type BrocaBeat,
  type BrocaFrame,
  type BrocaHello,
  type BrocaReady,
  type BrocaResponse,
  type BrocaStopping,
  type ChannelHealth,
  type ClientFrame,
  type LettaState,
  parseBrocaFrame,
  parseClientFrame,
  type QueueFigures,
  WORKER_LINK_VERSION,
} from './worker-link.ts';
