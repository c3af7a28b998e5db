/** What the simulated agent does with a turn. A script is a pure answer to "this came in"; the default one echoes. */
import type { Json } from './json.ts';
import type { StopReason } from './wire.ts';

export type ScriptStep =
  | { kind: 'assistant'; text: string }
  | { kind: 'reasoning'; text: string }
  | { kind: 'tool'; name: string; arguments?: string; result?: string; status?: 'success' | 'error' }
  /** Ends the run with `requires_approval`; further messages are refused until it is answered. */
  | { kind: 'approval'; name: string; arguments?: string; toolCallId?: string }
  /** Waits until the test releases it. */
  | { kind: 'hold' }
  /** Real time. For demos and load; tests hold and release instead. */
  | { kind: 'pause'; ms: number }
  /** Ends the run well, with this stop reason (default is `end_turn`). */
  | { kind: 'stop'; stopReason: StopReason }
  /** Ends the run badly. `errorType` as in the error frames: llm_timeout, llm_rate_limit, llm_authentication, internal_error, … */
  | { kind: 'fail'; stopReason?: StopReason; errorType?: string; message?: string; detail?: string };

export type ScriptTurn = {
  agentId: string;
  /** 1-based, per agent. */
  number: number;
  kind: 'message' | 'approval';
  /** The text parts of the user message; empty for an approval. */
  text: string;
  otid: string | null;
  /** What was approved or denied; empty for a message. */
  approvals: readonly Json[];
};

export type Script = (turn: ScriptTurn) => readonly ScriptStep[];

export const echoScript: Script = (turn) => [
  { kind: 'assistant', text: turn.kind === 'approval' ? 'echo: (approval answered)' : `echo: ${turn.text}` },
];
