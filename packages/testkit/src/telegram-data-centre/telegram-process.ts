/** A data centre in a process of its own, as a test holds it: called over IPC, killed, and started again on the same folder and port. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { TelegramDataCentre, TelegramProxy, TelegramSettings } from './telegram.ts';

export type Call = { id: number; name: keyof TelegramDataCentre; args: unknown[] };
export type Reply = { id: number; value: unknown } | { id: number; error: string };

type Member<Name extends keyof TelegramDataCentre> = TelegramDataCentre[Name];
type Arguments<Name extends keyof TelegramDataCentre> = Member<Name> extends (...args: infer Args) => unknown ? Args : [];
type Value<Name extends keyof TelegramDataCentre> =
  Member<Name> extends (...args: never[]) => infer Result ? Awaited<Result> : Member<Name>;

export class TelegramProcess implements AsyncDisposable {
  proxy: TelegramProxy;
  #child: ChildProcess;
  readonly #settings: TelegramSettings;
  readonly #waiting: Map<number, PromiseWithResolvers<unknown>> = new Map();
  #calls = 0;

  private constructor(settings: TelegramSettings, child: ChildProcess, proxy: TelegramProxy) {
    [this.#settings, this.#child, this.proxy] = [settings, child, proxy];
    this.#listen();
  }

  static async start(settings: TelegramSettings & { folder: string }): Promise<TelegramProcess> {
    const { child, proxy } = await launch(settings);
    return new TelegramProcess({ ...settings, port: proxy.port }, child, proxy);
  }

  /** What TelegramDataCentre has under this name: called, or read. */
  async call<Name extends keyof TelegramDataCentre>(name: Name, ...args: Arguments<Name>): Promise<Value<Name>> {
    this.#calls += 1;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(this.#calls, waiting);
    this.#child.send({ id: this.#calls, name, args } satisfies Call);
    return (await waiting.promise) as Value<Name>;
  }

  /** Kills it with SIGKILL, wherever it is, and starts it again. */
  async killAndRestart(): Promise<void> {
    await this.#end();
    const { child } = await launch(this.#settings);
    this.#child = child;
    this.#listen();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end();
  }

  #listen(): void {
    this.#child.on('message', (reply: Reply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if ('error' in reply) waiting?.reject(new Error(reply.error));
      else waiting?.resolve(reply.value);
    });
  }

  async #end(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
    for (const waiting of this.#waiting.values()) waiting.reject(new Error('the Telegram data centre was killed'));
    this.#waiting.clear();
  }
}

async function launch(settings: TelegramSettings): Promise<{ child: ChildProcess; proxy: TelegramProxy }> {
  const child = fork(path.join(import.meta.dirname, 'main.ts'), [JSON.stringify(settings)], {
    ...{ execArgv: ['--conditions=animus-source'], serialization: 'advanced', stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
  });
  if (child.stdout === null) throw new Error('no stdout');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { child, proxy: JSON.parse(line) as TelegramProxy };
}
