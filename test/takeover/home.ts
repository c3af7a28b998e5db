/** A throwaway copy of the folder that a Python Broca left, and what is looked up in databases. */

import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentId } from 'animus-protocol';
import DatabaseConstructor, { type Database } from 'better-sqlite3';

const ID = 'agent-721679f6-c8af-4e01-8677-dc042dc80368';
const FIXTURE = join(import.meta.dirname, '../fixtures/python-broca', ID);
const TABLES = ['letta_users', 'platform_profiles', 'messages', 'queue', 'sqlite_sequence'] as const;

export class PythonHome implements Disposable {
  readonly id: AgentId = ID;
  readonly home: string = mkdtempSync(join(tmpdir(), 'python-home-'));
  readonly folder: string = join(this.home, ID);
  readonly database: string = this.path('animus.db');

  constructor() {
    cpSync(FIXTURE, this.folder, { recursive: true });
    for (const name of ['.env', 'settings.json']) chmodSync(this.path(name), 0o644);
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  [Symbol.dispose](): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** Everything in the original's tables. */
export function dump(file: string): Record<string, unknown[]> {
  return read(file, (db) => Object.fromEntries(TABLES.map((table) => [table, db.prepare(`SELECT * FROM ${table} ORDER BY 1`).all()])));
}

export function read<T>(file: string, look: (db: Database) => T): T {
  const db = new DatabaseConstructor(file, { fileMustExist: true });
  try {
    return look(db);
  } finally {
    db.close();
  }
}

/** Rows of one column. */
export function column(file: string, sql: string): unknown[] {
  return read(file, (db) => db.prepare(sql).pluck().all());
}

export function change(file: string, sql: string): void {
  read(file, (db) => db.exec(sql));
}
