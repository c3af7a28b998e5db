/** What the modes in force mean for the queue: whether the agent is asked at all, and whose turns may be taken. */
import { type Modes, modeOf } from 'animus-protocol';
import type { TurnChoice } from '../queue/turn.ts';

/** Whether any channel asks the agent: then it is probed, and its standing counts. */
export function asksAgent({ mode, channelModes }: Modes): boolean {
  return mode === 'live' || Object.values(channelModes).includes('live');
}

/** Turns that ask nobody are taken whether or not the agent can be asked now. */
export function takeable(modes: Modes, canAsk: boolean): TurnChoice {
  if (canAsk) return 'all';
  const isLive = modes.mode === 'live';
  const channels = Object.keys(modes.channelModes).filter((channel) => (modeOf(modes, channel) === 'live') !== isLive);
  if (isLive) return channels.length === 0 ? 'none' : { only: channels };
  return channels.length === 0 ? 'all' : { except: channels };
}
