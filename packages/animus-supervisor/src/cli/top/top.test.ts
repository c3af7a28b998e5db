import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { AgentStatus } from 'animus-protocol';
import fc from 'fast-check';
import { Rig } from '../../fleet/fleet.fixture.ts';
import { Program, release } from '../../fleet/program.fixture.ts';
import { press, readKeys, SORT_KEYS, SORT_LETTERS, sortAgents, type View } from './view-policy.ts';

const ANIMUS = path.join(import.meta.dirname, '../main.ts');
const A = 'agent-a';
const B = 'agent-b';
const PATIENCE_MS = 20_000;
const FRAME = '\u001b[H';

function agent(id: `agent-${string}`, change: Partial<AgentStatus> = {}): AgentStatus {
  return {
    id,
    phase: 'ready',
    wanted: 'running',
    pid: 1,
    restarts: 0,
    deaths: {},
    lastDeath: null,
    startedAt: 1,
    uptimeMs: 1,
    reason: null,
    release: null,
    version: null,
    cpu: 1,
    memoryBytes: 1,
    beat: null,
    isolation: 'none',
    tree: null,
    startedByHand: false,
    ...change,
  };
}

describe('the view of top', () => {
  it('has the most of what is asked for first, turns round, and keeps what is not known at the end', () => {
    const agents = [agent('agent-a', { cpu: 5 }), agent('agent-b', { cpu: null }), agent('agent-c', { cpu: 9, phase: 'broken' })];
    const order = (sort: View['sort'], isReversed = false): string =>
      sortAgents(agents, { sort, isReversed })
        .map(({ id }) => id.slice(6))
        .join('');
    assert.equal(order('cpu'), 'cab');
    assert.equal(order('cpu', true), 'acb');
    assert.equal(order('name'), 'abc');
    assert.equal(order('name', true), 'cba');
    assert.equal(order('phase'), 'cab');
    assert.equal(order('death'), 'abc');
  });

  it('loses and doubles no agent, in any order', () => {
    const any = fc.record({ cpu: fc.option(fc.nat()), restarts: fc.nat(3), memoryBytes: fc.option(fc.nat(5)) });
    fc.assert(
      fc.property(fc.array(any), fc.constantFrom(...SORT_KEYS), fc.boolean(), (parts, sort, isReversed) => {
        const agents = parts.map((part, index) => agent(`agent-${index}`, part));
        const sorted = sortAgents(agents, { sort, isReversed });
        assert.deepEqual(new Set(sorted), new Set(agents));
        assert.equal(sorted.length, agents.length);
      }),
    );
  });

  it('never looks beyond its agents, whatever is pressed', () => {
    const keys = fc.constantFrom('j', 'k', ' ', '\u001b[5~', '\u001b[6~', '\u001b[A', '\u001b[B', 'x', ...Object.values(SORT_LETTERS));
    fc.assert(
      fc.property(fc.array(keys), fc.nat(30), fc.integer({ min: 1, max: 20 }), (pressed, count, page) => {
        let view: View = { sort: 'cpu', isReversed: false, from: 0 };
        for (const key of pressed) {
          const next = press(view, key, { page, count });
          assert.ok(next !== null && next.from >= 0 && next.from <= Math.max(0, count - page), key);
          view = next;
        }
      }),
    );
    for (const key of ['q', '\u001b', '\u0003'])
      assert.equal(press({ sort: 'cpu', isReversed: false, from: 0 }, key, { page: 1, count: 1 }), null);
    assert.deepEqual(readKeys('m\u001b[5~q'), ['m', '\u001b[5~', 'q']);
  });
});

async function runOnce(home: string, ...words: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [ANIMUS, 'top', ...words], { env: { ...process.env, ANIMUS_HOME: home } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

/** `top` on a terminal (util-linux's script makes one), and what it has drawn so far. */
class Live implements AsyncDisposable {
  readonly #child;
  #drawn = '';
  #waiting: (() => void)[] = [];
  readonly ended: Promise<number>;

  constructor(home: string, ...words: string[]) {
    const command = ['stty rows 12 cols 150;', 'exec', process.execPath, ANIMUS, 'top', ...words].join(' ');
    this.#child = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
      env: { ...process.env, ANIMUS_HOME: home, TERM: 'xterm', NO_COLOR: '1' },
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#drawn += text;
      for (const look of this.#waiting) look();
    });
    this.ended = once(this.#child, 'close').then(([code]) => code);
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** The next frame that fits; what was drawn before it counts no more. */
  async frame(fits: (frame: string) => boolean): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const look = (): void => {
      const frames = this.#drawn.split(FRAME).slice(1);
      const at = frames.findIndex((frame) => frame.includes('\u001b[J') && fits(frame));
      if (at === -1) return;
      this.#drawn = ['', ...frames.slice(at + 1)].join(FRAME);
      this.#waiting = this.#waiting.filter((each) => each !== look);
      resolve(frames[at] ?? '');
    };
    this.#waiting.push(look);
    look();
    // Says what is on the screen when what it waits for never comes.
    const isLate = setTimeout(() => reject(new Error(`never drawn; on the screen: ${this.#drawn}`)), PATIENCE_MS);
    try {
      return await promise;
    } finally {
      clearTimeout(isLate);
    }
  }

  get drawn(): string {
    return this.#drawn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

describe('animus top', () => {
  it('prints once without a terminal, for people and for programs, and ends with 3 without a supervisor', async () => {
    await using rig = await Rig.open([A, B]);
    for (const id of [A, B] as const) release(rig.home, id);
    const without = await runOnce(rig.home);
    assert.equal(without.code, 3);
    assert.match(without.stderr, /start it with: animus up -d/);
    await using program = new Program(rig.home);
    await program.firstLine();
    await rig.puppet(A);
    await rig.puppet(B);
    const printed = await runOnce(rig.home, '--sort', 'name');
    assert.equal(printed.code, 0);
    assert.match(printed.stdout, /^supervisor .* · 2 agents: .* · CPU .* memory .* queue/);
    assert.match(
      printed.stdout,
      /\nAGENT↓ +PHASE +PID +UPTIME +CPU +MEMORY +QUEUE +TURNS +RESTARTS +LAST DEATH\nagent-a .*\nagent-b .*\n$/,
    );
    const { agents } = JSON.parse((await runOnce(rig.home, 'b', '--json')).stdout);
    assert.deepEqual(
      agents.map(({ id, memoryBytes }: AgentStatus) => [id, typeof memoryBytes]),
      [[B, 'number']],
    );
    assert.equal((await runOnce(rig.home, '--sort', 'size')).code, 2);
    assert.equal((await runOnce(rig.home, '--every', '0')).code, 2);
    await program.kill('SIGINT');
  });

  it('is drawn anew on a terminal, sorts by keys, survives its supervisor, and leaves the terminal as it was', async () => {
    await using rig = await Rig.open([A, B]);
    for (const id of [A, B] as const) release(rig.home, id);
    await using live = new Live(rig.home, '--every', '1');
    await live.frame((frame) => frame.includes('no supervisor is running'));
    const program = new Program(rig.home);
    await program.firstLine();
    await rig.puppet(A);
    (await rig.puppet(B)).do({ do: 'exit', code: 7 });
    await live.frame((frame) => /agent-b .* ago: exited with code 7/.test(frame));
    live.type('r');
    await live.frame((frame) => frame.includes('RESTARTS↓') && frame.indexOf('agent-b') < frame.indexOf('agent-a'));
    live.type('r');
    await live.frame((frame) => frame.includes('RESTARTS↑') && frame.indexOf('agent-a') < frame.indexOf('agent-b'));
    await program.kill('SIGINT');
    await live.frame((frame) => frame.includes('no supervisor is running'));
    live.type('q');
    assert.equal(await live.ended, 0);
    assert.ok(live.drawn.endsWith('\u001b[?25h\u001b[?1049l'), JSON.stringify(live.drawn));
  });
});
