import type { Migration } from '../migration.ts';

/**
 * Instants are ms since 1970 (UTC). Ids of turns and parts are never used again (AUTOINCREMENT): they
 * are in otids and in file names of the spool.
 *
 * Of each conversation only the oldest open turn is `waiting` or `running`; those behind it are
 * `queued`. So the next turn of all is one step in `turns_next`, however long the backlog, and order
 * within a conversation holds by construction. Parts do the same.
 */
export const initial: Migration = {
  version: 1,
  sql: `
CREATE TABLE facts (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  identity_id TEXT,
  block_id TEXT,
  is_active INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  last_active_at INTEGER NOT NULL
) STRICT;

CREATE TABLE profiles (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL REFERENCES users (id),
  channel TEXT NOT NULL,
  sender_id TEXT NOT NULL,
  username TEXT,
  display_name TEXT,
  created_at INTEGER NOT NULL,
  last_active_at INTEGER NOT NULL,
  UNIQUE (channel, sender_id)
) STRICT;
CREATE INDEX profiles_user ON profiles (user_id);

CREATE TABLE ignored (
  channel TEXT NOT NULL,
  sender TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (channel, sender)
) STRICT, WITHOUT ROWID;

CREATE TABLE conversations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  channel TEXT NOT NULL,
  account TEXT NOT NULL,
  chat TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (channel, account, chat)
) STRICT;

CREATE TABLE seen (
  conversation_id INTEGER NOT NULL REFERENCES conversations (id),
  external_id TEXT NOT NULL,
  turn_id INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, external_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE turns (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation_id INTEGER NOT NULL REFERENCES conversations (id),
  profile_id INTEGER REFERENCES profiles (id),
  state TEXT NOT NULL CHECK (state IN ('queued', 'waiting', 'running', 'settled', 'parked')),
  due_at INTEGER NOT NULL,
  outcome TEXT CHECK (outcome IN ('answered', 'silent', 'refused', 'stored', 'echoed', 'flushed')),
  reason TEXT,
  failures INTEGER NOT NULL DEFAULT 0,
  unavailable_since INTEGER,
  crashes INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  settled_at INTEGER
) STRICT;
CREATE INDEX turns_next ON turns (due_at, id) WHERE state = 'waiting';
CREATE INDEX turns_open ON turns (conversation_id, id) WHERE state IN ('queued', 'waiting', 'running');
CREATE INDEX turns_running ON turns (id) WHERE state = 'running';
CREATE INDEX turns_parked ON turns (id) WHERE state = 'parked';
CREATE INDEX turns_conversation ON turns (conversation_id, id);

CREATE TABLE inbounds (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  turn_id INTEGER NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
  external_id TEXT NOT NULL,
  text TEXT NOT NULL,
  attachments TEXT NOT NULL DEFAULT '[]',
  reply_to TEXT,
  written_at INTEGER NOT NULL,
  received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX inbounds_turn ON inbounds (turn_id);

CREATE TABLE attempts (
  turn_id INTEGER NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  otid TEXT NOT NULL UNIQUE,
  endpoint TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  text TEXT NOT NULL,
  seen_message_id TEXT,
  run_id TEXT,
  sent_at INTEGER NOT NULL,
  progress_at INTEGER,
  outcome TEXT,
  reason TEXT,
  over_at INTEGER,
  PRIMARY KEY (turn_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE parts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  turn_id INTEGER NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
  conversation_id INTEGER NOT NULL REFERENCES conversations (id),
  channel TEXT NOT NULL,
  number INTEGER NOT NULL,
  count INTEGER NOT NULL,
  in_reply_to TEXT,
  text TEXT NOT NULL,
  key TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('queued', 'waiting', 'sending', 'sent', 'refused', 'uncertain')),
  due_at INTEGER NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  first_sent_at INTEGER,
  settled_at INTEGER,
  platform_id TEXT,
  reason TEXT
) STRICT;
CREATE INDEX parts_next ON parts (channel, due_at, id) WHERE state = 'waiting';
CREATE INDEX parts_open ON parts (conversation_id, id) WHERE state IN ('queued', 'waiting', 'sending');
CREATE INDEX parts_sending ON parts (id) WHERE state = 'sending';
CREATE INDEX parts_uncertain ON parts (id) WHERE state = 'uncertain';
CREATE INDEX parts_turn ON parts (turn_id);
`,
};
