/**
 * A message of the chaos program and the agent's answer to it: the text says what the agent is to do,
 * so that the simulated agent needs no memory and the ledger knows what must arrive.
 */
import type { ScriptStep, ScriptTurn } from 'animus-testkit';
import type { Random } from './random.ts';

export type ChannelName = 'spool' | 'wire';

export type Message = {
  agent: string;
  channel: ChannelName;
  chat: string;
  /** 1-based, per conversation. */
  number: number;
  /** The platform's id; also unique over the whole run. */
  id: string;
  text: string;
  isSilent: boolean;
  /** When Broca said that it has it: the file was gone, or the test channel acknowledged. */
  takenAt: number | null;
  /** Why Broca would not take it. */
  refusal: string | null;
  /** Something was heard of it: a reply, or the end of a silent run. */
  isHeard: boolean;
};

const TOKEN = /#(m-[\w-]+)#/g;
const FILLER =
  'the quick brown fox jumps over the lazy dog while seven wizards mix a potion of quartz, and nobody asks whether any of it is true';

export function writeMessage(random: Random, place: { agent: string; channel: ChannelName; chat: string; number: number }): Message {
  const id = `m-${place.agent}-${place.channel}-${place.chat}-${place.number}`;
  const says = random.chance(0.04) ? 0 : random.weighted({ '1': 80, '2': 15, '3': 5 });
  const wishes = [`say=${says}`];
  if (random.chance(0.01)) wishes.push('fail=1');
  if (random.chance(0.1)) wishes.push('tool=1');
  if (random.chance(0.01)) wishes.push('approve=1');
  if (random.chance(0.15)) wishes.push(`long=${random.between(1, 3)}`);
  wishes.push(`pause=${random.chance(0.02) ? random.between(200, 600) : random.between(0, 12)}`);
  return {
    ...place,
    id,
    text: `#${id}# ${wishes.join(' ')}`,
    isSilent: says === 0 && !wishes.includes('approve=1'),
    takenAt: null,
    refusal: null,
    isHeard: false,
  };
}

/** Ids of the messages that a prompt, or an answer, speaks of. */
export function idsIn(text: string): string[] {
  return [...text.matchAll(TOKEN)].map(([, id]) => id ?? '');
}

/** What the simulated agent does with a prompt, or with the answer to a tool call that it wanted approved. */
export function answerScript(turn: ScriptTurn): ScriptStep[] {
  if (turn.kind === 'approval') return [{ kind: 'assistant', text: `re #${idOfCall(turn.approvals)}# without the tool` }];
  const wish = (name: string): number => Number(new RegExp(`\\b${name}=(\\d+)`).exec(turn.text)?.[1] ?? 0);
  const id = idsIn(turn.text).at(-1) ?? 'nothing';
  const steps: ScriptStep[] = [{ kind: 'pause', ms: wish('pause') }];
  if (wish('tool') > 0) steps.push({ kind: 'tool', name: 'look_up' });
  if (attemptOf(turn.otid) <= wish('fail')) return [...steps, { kind: 'fail', errorType: 'llm_timeout' }];
  for (let number = 1; number <= wish('say'); number += 1) {
    const filler = wish('long') > 0 ? ` ${`${FILLER} `.repeat(wish('long')).trim()}` : '';
    steps.push({ kind: 'assistant', text: `re #${id}# ${number} of ${wish('say')}${filler}` });
  }
  if (wish('approve') > 0) steps.push({ kind: 'approval', name: 'buy_a_boat', toolCallId: `call-${id}` });
  return steps;
}

/** The tool call is named after the message. */
function idOfCall(approvals: ScriptTurn['approvals']): string {
  return /call-(m-[\w-]+)/.exec(JSON.stringify(approvals))?.[1] ?? 'nothing';
}

/** Broca's otid is `<random>-<turn>:<attempt>`. */
function attemptOf(otid: string | null): number {
  return Number(/:(\d+)$/.exec(otid ?? '')?.[1] ?? 1);
}
