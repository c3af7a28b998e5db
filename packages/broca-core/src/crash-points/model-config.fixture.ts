/** The settings of the Brocas in the model. */
import { type BrocaConfig, DEFAULT_LIMITS } from 'animus-protocol';

export const CONFIG: BrocaConfig = {
  agentId: 'agent-model',
  agentName: null,
  agentDescription: null,
  endpoint: 'http://letta',
  apiKey: 'key',
  mode: 'live',
  channelModes: {},
  queueRefreshMs: 5_000,
  maxRetries: 2,
  debugMode: false,
  logLevel: 'info',
  turnTimeoutMs: 3_600_000,
  giveUpAfterMs: 86_400_000,
  retryFirstMs: 5_000,
  retryLongestMs: 300_000,
  limits: DEFAULT_LIMITS,
  retention: { messagesMs: null, databaseBytes: null },
  images: { areShown: true, areUploaded: false, uploadUrl: null },
  outbound: { isEnabled: false, perMinute: 30 },
  logKeepDays: 7,
  logKeepBytes: 1024 * 1024,
  plugins: {},
  environment: {},
  secrets: [],
};
