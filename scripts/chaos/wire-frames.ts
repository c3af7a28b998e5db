/**
 * The test channel's protocol: one JSON object a line over a Unix socket, Broca's plugin on one side, the
 * chaos program as the platform on the other. At least once both ways: what got no answer is sent again.
 */

export type WireMessage = { id: string; chat: string; senderId: string; text: string; at: number };
export type WirePart = {
  key: string;
  chat: string;
  turn: number;
  number: number;
  count: number;
  inReplyTo: string | null;
  text: string;
};
export type WireAnswer = 'taken' | 'retry' | 'refused' | 'down';

export type PlatformFrame = { type: 'message'; message: WireMessage } | { type: 'answer'; sending: number; answer: WireAnswer };

export type PluginFrame =
  | { type: 'hello'; agent: string }
  | { type: 'receipt'; id: string; receipt: 'stored' | 'duplicate' | 'refused'; reason: string }
  | { type: 'part'; sending: number; part: WirePart };
