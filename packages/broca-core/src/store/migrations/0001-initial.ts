import type { Migration } from '../migration.ts';

/**
 * Instants are ms since 1970 (UTC). Ids of turns and parts are never used again (AUTOINCREMENT): they
 * are in otids and in file names of the spool.
 *
 * Of each conversation only the oldest open turn is `waiting` or `running`; those behind it are
 * `queued`. So the next turn of all is one step in `turns_next`, however long the backlog, and order
 * within a conversation holds by construction. Parts do the same, except that several of one
 * conversation may be `sending` at once, handed over in order.
 *
 * `outbounds` is what nobody asked for and a program sent; like `seen`, a row with a key outlives its turn.
 *
 * `tallies` counts what is open, kept by triggers so that no writer can forget it: limits and health
 * read one row each, however long the backlog.
 */
export const initial: Migration = {
  version: 1,
  worksFrom: 1,
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
  outcome TEXT CHECK (outcome IN ('answered', 'silent', 'refused', 'stored', 'echoed', 'flushed', 'unprompted')),
  reason TEXT,
  failures INTEGER NOT NULL DEFAULT 0,
  unavailable_since INTEGER,
  crashes INTEGER NOT NULL DEFAULT 0,
  without_images INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  settled_at INTEGER
) STRICT;
CREATE INDEX turns_next ON turns (due_at, id) WHERE state = 'waiting';
CREATE INDEX turns_open ON turns (conversation_id, id) WHERE state IN ('queued', 'waiting', 'running');
CREATE INDEX turns_running ON turns (id) WHERE state = 'running';
CREATE INDEX turns_parked ON turns (id) WHERE state = 'parked';
CREATE INDEX turns_conversation ON turns (conversation_id, id);

CREATE TABLE inbounds (
  turn_id INTEGER NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
  number INTEGER NOT NULL DEFAULT 1,
  external_id TEXT NOT NULL,
  text TEXT NOT NULL,
  attachments TEXT NOT NULL DEFAULT '[]',
  reply_to TEXT,
  written_at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (turn_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbounds_attached ON inbounds (turn_id) WHERE attachments <> '[]';

CREATE TABLE attempts (
  turn_id INTEGER NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  otid TEXT NOT NULL UNIQUE,
  endpoint TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  text TEXT NOT NULL,
  images TEXT NOT NULL DEFAULT '[]',
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
  crashes INTEGER NOT NULL DEFAULT 0,
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

CREATE TABLE outbounds (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT UNIQUE,
  asked TEXT NOT NULL,
  turn_id INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX outbounds_age ON outbounds (created_at);

CREATE TABLE tallies (
  name TEXT NOT NULL CHECK (name IN ('open', 'sender', 'parked', 'unsent', 'uncertain')),
  id INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (name, id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER turns_stored AFTER INSERT ON turns WHEN NEW.state IN ('queued', 'waiting', 'running') BEGIN
  INSERT INTO tallies VALUES ('open', 0, 1), ('sender', coalesce(NEW.profile_id, 0), 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER turns_left AFTER UPDATE OF state ON turns
WHEN OLD.state IN ('queued', 'waiting', 'running') AND NEW.state NOT IN ('queued', 'waiting', 'running') BEGIN
  UPDATE tallies SET count = count - 1 WHERE name = 'open' AND id = 0;
  UPDATE tallies SET count = count - 1 WHERE name = 'sender' AND id = coalesce(OLD.profile_id, 0);
END;
CREATE TRIGGER turns_returned AFTER UPDATE OF state ON turns
WHEN OLD.state NOT IN ('queued', 'waiting', 'running') AND NEW.state IN ('queued', 'waiting', 'running') BEGIN
  INSERT INTO tallies VALUES ('open', 0, 1), ('sender', coalesce(NEW.profile_id, 0), 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER turns_removed AFTER DELETE ON turns WHEN OLD.state IN ('queued', 'waiting', 'running') BEGIN
  UPDATE tallies SET count = count - 1 WHERE name = 'open' AND id = 0;
  UPDATE tallies SET count = count - 1 WHERE name = 'sender' AND id = coalesce(OLD.profile_id, 0);
END;
CREATE TRIGGER sender_done AFTER UPDATE ON tallies WHEN NEW.name = 'sender' AND NEW.count = 0 BEGIN
  DELETE FROM tallies WHERE name = 'sender' AND id = NEW.id;
END;

CREATE TRIGGER turns_parked_first AFTER INSERT ON turns WHEN NEW.state = 'parked' BEGIN
  INSERT INTO tallies VALUES ('parked', 0, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER turns_parked_now AFTER UPDATE OF state ON turns WHEN OLD.state <> 'parked' AND NEW.state = 'parked' BEGIN
  INSERT INTO tallies VALUES ('parked', 0, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER turns_parked_before AFTER UPDATE OF state ON turns WHEN OLD.state = 'parked' AND NEW.state <> 'parked' BEGIN
  UPDATE tallies SET count = count - 1 WHERE name = 'parked' AND id = 0;
END;
CREATE TRIGGER turns_parked_removed AFTER DELETE ON turns WHEN OLD.state = 'parked' BEGIN
  UPDATE tallies SET count = count - 1 WHERE name = 'parked' AND id = 0;
END;

CREATE TRIGGER parts_stored AFTER INSERT ON parts WHEN NEW.state IN ('queued', 'waiting', 'sending') BEGIN
  INSERT INTO tallies VALUES ('unsent', 0, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER parts_left AFTER UPDATE OF state ON parts
WHEN OLD.state IN ('queued', 'waiting', 'sending') AND NEW.state NOT IN ('queued', 'waiting', 'sending') BEGIN
  UPDATE tallies SET count = count - 1 WHERE name = 'unsent' AND id = 0;
END;
CREATE TRIGGER parts_returned AFTER UPDATE OF state ON parts
WHEN OLD.state NOT IN ('queued', 'waiting', 'sending') AND NEW.state IN ('queued', 'waiting', 'sending') BEGIN
  INSERT INTO tallies VALUES ('unsent', 0, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER parts_removed AFTER DELETE ON parts WHEN OLD.state IN ('queued', 'waiting', 'sending') BEGIN
  UPDATE tallies SET count = count - 1 WHERE name = 'unsent' AND id = 0;
END;
CREATE TRIGGER parts_uncertain_first AFTER INSERT ON parts WHEN NEW.state = 'uncertain' BEGIN
  INSERT INTO tallies VALUES ('uncertain', 0, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER parts_uncertain_now AFTER UPDATE OF state ON parts WHEN OLD.state <> 'uncertain' AND NEW.state = 'uncertain' BEGIN
  INSERT INTO tallies VALUES ('uncertain', 0, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER parts_uncertain_before AFTER UPDATE OF state ON parts WHEN OLD.state = 'uncertain' AND NEW.state <> 'uncertain' BEGIN
  UPDATE tallies SET count = count - 1 WHERE name = 'uncertain' AND id = 0;
END;
CREATE TRIGGER parts_uncertain_removed AFTER DELETE ON parts WHEN OLD.state = 'uncertain' BEGIN
  UPDATE tallies SET count = count - 1 WHERE name = 'uncertain' AND id = 0;
END;
`,
};
