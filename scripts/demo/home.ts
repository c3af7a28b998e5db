/** A throwaway home with an embedded Letta simulator, and the `animus` command in it. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';

const ROOT = join(import.meta.dirname, '../..');
const ANIMUS = join(ROOT, 'node_modules/.bin/animus');

export type Answer = { exitCode: number; stdout: string; stderr: string };

export class DemoHome {
  readonly folder: string;
  readonly lettaUrl: string;
  /** Nothing new is begun once it aborts. */
  readonly interrupted: AbortSignal;
  #keys: ReadonlyMap<string, string>;
  #endLetta: () => Promise<unknown>;

  private constructor(
    place: { folder: string; lettaUrl: string; interrupted: AbortSignal },
    keys: ReadonlyMap<string, string>,
    endLetta: () => Promise<unknown>,
  ) {
    this.folder = place.folder;
    this.lettaUrl = place.lettaUrl;
    this.interrupted = place.interrupted;
    this.#keys = keys;
    this.#endLetta = endLetta;
  }

  static readonly agents: readonly string[] = ['atlas', 'borealis', 'cosmo'];

  static async create(interrupted: AbortSignal): Promise<DemoHome> {
    const folder = await mkdtemp(join(tmpdir(), 'animus-demo-'));
    const keys = new Map(DemoHome.agents.map((agent) => [agent, `sk-demo-${randomBytes(12).toString('hex')}`]));
    // In a session of its own, so that Ctrl-C reaches the demo alone and the fleet can be stopped in order.
    const letta = execa(process.execPath, [join(ROOT, 'dist/letta-simulator.mjs')], {
      detached: true,
      reject: false,
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
      buffer: false,
    });
    const agents = [...keys].map(([agent, apiKey]) => ({ id: `agent-${agent}`, name: agent, apiKey }));
    letta.stdin?.write(`${JSON.stringify({ pauseMs: 300, agents })}\n`);
    const endLetta = (): Promise<unknown> => {
      letta.stdin?.end();
      return letta;
    };
    for await (const line of createInterface({ input: letta.stdout })) {
      const { url } = JSON.parse(line) as { url: string };
      return new DemoHome({ folder, lettaUrl: url, interrupted }, keys, endLetta);
    }
    throw new Error('the Letta simulator did not start');
  }

  /**
   * Runs `animus` as a person would; the key of an agent goes by environment, so that it is on no command line. In a
   * session of its own: neither Ctrl-C nor a terminal that is closed ends it halfway, nor keeps the fleet from being stopped.
   */
  async animus(args: readonly string[], { keyOf }: { keyOf?: string } = {}): Promise<Answer> {
    const key = keyOf === undefined ? undefined : this.#keys.get(keyOf);
    const result = await execa(ANIMUS, args, {
      cwd: ROOT,
      detached: true,
      reject: false,
      stdin: 'ignore',
      env: { ANIMUS_HOME: this.folder, NO_COLOR: '1', ...(key === undefined ? {} : { ANIMUS_AGENT_KEY: key }) },
    });
    return { exitCode: result.exitCode ?? 1, stdout: result.stdout, stderr: result.stderr };
  }

  /** Stops the fleet and removes everything. False when something would not end; it says what. */
  async remove(): Promise<boolean> {
    const down = await this.animus(['down']);
    await this.#endLetta();
    const isDown = down.exitCode === 0 || down.exitCode === 3;
    if (isDown) await rm(this.folder, { recursive: true, force: true });
    else process.stderr.write(`${down.stderr}\nthe home is left at ${this.folder}\n`);
    return isDown;
  }
}
