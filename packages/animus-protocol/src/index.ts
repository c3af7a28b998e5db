export { codeOf, type DraftOfFile, FLEET_CONFIG_VARIABLE, readBrocaConfig, readConfigFile } from './agent-files.ts';
export { type AgentId, agentIdOfFolder, findAgentId, parseAgentId } from './agent-id.ts';
export type { BackupReport } from './backup-report.ts';
export type { BackupSettings } from './backup-settings.ts';
export {
  type BrocaConfig,
  type BrocaConfigFiles,
  DEFAULT_LIMITS,
  type ImageRules,
  LOG_KEEP_MEGABYTES,
  type LoadedBrocaConfig,
  loadBrocaConfig,
  type MessageLimits,
  type Origin,
  type Retention,
} from './broca-config.ts';
export {
  type AgentOutcome,
  type AgentStatus,
  type ControlEvent,
  type ControlReply,
  type ControlRequest,
  DEATH_KINDS,
  type DeathKind,
  type DownOutcome,
  describeSurface,
  encodeControlRequest,
  type FleetOutcome,
  type FleetStatus,
  type LastDeath,
  PHASES,
  type Phase,
  parseControlRequest,
  type RefusedRequest,
  type RescanOutcome,
  type SandboxReport,
  type Surface,
  type Wanted,
} from './control.ts';
export {
  controlSchemas,
  parseControlError,
  parseControlEvent,
  parseControlReply,
  parsePaused,
} from './control-reply.ts';
export { findJsonNode, setJsonValue } from './edit-json.ts';
export { parseEndpoint } from './endpoint.ts';
export { ENVIRONMENT_KEYS, isPlainKey, type ParsedEnvironment, parseEnvironment, readBoolean } from './environment.ts';
export { readEnvironmentText, setEnvironmentValues } from './environment-text.ts';
export { EXIT, type ExitCode } from './exit.ts';
export { type FleetConfig, fleetConfigSchema, parseFleetConfig, supervisionOf } from './fleet-config.ts';
export { parseFleetDefaults } from './fleet-defaults.ts';
export { encodeFrame, FrameDecoder, LineDecoder, LONGEST_FRAME } from './framing.ts';
export { ISOLATIONS, type Isolation, keepsApart, TREE_HOLDS, type TreeHold, weakestIsolation } from './isolation.ts';
export { type JsonFault, type JsonMember, type JsonNode, type JsonText, readJson } from './json-text.ts';
export { type Modes, modeOf, type PluginConfig } from './plugin-config.ts';
export { formatProblem, isUnknownKey, nearestKey, type Problem, unknownKeyProblem } from './problem.ts';
export { failed, ok, type Result, unreachable } from './result.ts';
export { fingerprint, isPlaceholder, isSecretKey, secretValues } from './secrets.ts';
export { describeSetAside, findSetAside, SET_ASIDE } from './set-aside.ts';
export { FLAT_KEYS, LOG_LEVELS, type LogLevel, MODES, type Mode, parseSettings, type Settings, settingsSchema } from './settings.ts';
export { type FleetOrigin, showFleetConfig, showSupervision } from './show-fleet.ts';
export { getSetting, type ShownSetting, showSettings } from './show-settings.ts';
export { withSocketPath } from './socket-path.ts';
export { DEFAULT_SUPERVISION, ISOLATION_WISHES, type IsolationWish, type RestartLimits, type Supervision } from './supervision.ts';
export { parseUpdatePlan, UPDATE_PLAN, type UpdatePlan } from './update-plan.ts';
export { isOlderVersion, VERSION } from './version.ts';
export {
  BEAT_INTERVAL_MS,
  type BeatReport,
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
