/** A simulated Letta, the adapter talking to it over a real socket, and attempts to send. */
import { type LettaSimulator, type LettaSimulatorSettings, startLettaSimulator } from 'animus-testkit';
import type { Attempt, AttemptNews, Letta } from '../../packages/broca-core/src/turn/letta.ts';
import { createLettaRest, type LettaRestSettings } from '../../packages/broca-core/src/turn/letta-rest.ts';

export const AGENT = 'agent-00000000-0000-4000-8000-000000000001';
export const KEY = 'sk-let-secret';

export type Rig = AsyncDisposable & {
  simulator: LettaSimulator;
  letta: Letta;
  /** What was told of all attempts, in order. */
  news: AttemptNews[];
  tell(news: AttemptNews): void;
  /** Called with each news. */
  onNews: () => void;
  signal: AbortSignal;
  attempt(changes?: Partial<Attempt>): Attempt;
  /** Another adapter, as after a restart. */
  restarted(settings?: Partial<LettaRestSettings>): Letta;
};

export async function openRig(settings: { simulator?: LettaSimulatorSettings; letta?: Partial<LettaRestSettings> } = {}): Promise<Rig> {
  const simulator = await startLettaSimulator({
    agents: [{ id: AGENT, name: 'Ada', apiKey: KEY }],
    pingIntervalMs: 5,
    ...settings.simulator,
  });
  const letten: Letta[] = [];
  const restarted = (changes: Partial<LettaRestSettings> = {}): Letta => {
    const letta = createLettaRest({ endpoint: simulator.url, apiKey: KEY, agentId: AGENT, ...settings.letta, ...changes });
    letten.push(letta);
    return letta;
  };
  const news: AttemptNews[] = [];
  let attempts = 0;
  const rig: Rig = {
    simulator,
    letta: restarted(),
    news,
    tell: (item) => {
      news.push(item);
      rig.onNews();
    },
    onNews: () => undefined,
    // A turn that hangs fails its test instead of the whole run.
    signal: AbortSignal.timeout(20_000),
    attempt: (changes = {}) => {
      attempts += 1;
      return {
        turnId: attempts,
        number: 1,
        otid: `db-${attempts}:1`,
        endpoint: simulator.url,
        agentId: AGENT,
        text: `message ${attempts}`,
        images: [],
        seenMessageId: null,
        runId: null,
        sentAt: simulator.now(),
        ...changes,
      };
    },
    restarted,
    [Symbol.asyncDispose]: async () => {
      for (const one of letten) await one.close();
      await simulator.close();
    },
  };
  return rig;
}

/** Waits for news that make something true. */
export async function until(isTrue: () => boolean, rig: Rig): Promise<void> {
  while (!isTrue()) {
    await new Promise<void>((resolve) => {
      rig.onNews = resolve;
    });
  }
}

/** The run that was told, as it would have been stored. */
export function toldRun(news: readonly AttemptNews[]): string | null {
  return news.find((item) => item.kind === 'run')?.runId ?? null;
}
