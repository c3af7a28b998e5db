/** A throwaway agent's folder, as deploy leaves it but without a release: for a Broca that runs from source. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type AgentFolderRequest = {
  endpoint: string;
  apiKey: string;
  agentId?: string;
  settings?: Record<string, unknown>;
  /** More lines for `.env`. */
  environment?: Record<string, string>;
};

export class AgentFolder implements Disposable {
  readonly home: string;
  readonly folder: string;
  readonly agentId: string;

  constructor(request: AgentFolderRequest) {
    this.agentId = request.agentId ?? 'agent-test';
    this.home = mkdtempSync(join(tmpdir(), 'animus-home-'));
    this.folder = join(this.home, this.agentId);
    mkdirSync(this.folder, { mode: 0o700 });
    this.writeEnvironment({
      AGENT_ID: this.agentId,
      AGENT_ENDPOINT: request.endpoint,
      AGENT_API_KEY: request.apiKey,
      ...request.environment,
    });
    this.writeSettings(request.settings ?? {});
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  writeEnvironment(values: Record<string, string>): void {
    const lines = Object.entries(values).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(this.path('.env'), lines.join(''), { mode: 0o600 });
  }

  writeSettings(settings: Record<string, unknown>): void {
    writeFileSync(this.path('settings.json'), JSON.stringify(settings), { mode: 0o600 });
  }

  [Symbol.dispose](): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}
