/** The database of the original Python Broca: how it is recognised, and its rows as the migration reads them. */
import type { Database } from 'better-sqlite3';

/** Its four tables, and the columns without which nothing of use can be read. */
const TABLES: Readonly<Record<string, readonly string[]>> = {
  letta_users: ['id', 'created_at', 'last_active', 'letta_identity_id', 'letta_block_id', 'is_active'],
  platform_profiles: ['id', 'letta_user_id', 'platform', 'platform_user_id', 'username', 'display_name', 'created_at', 'last_active'],
  messages: ['id', 'letta_user_id', 'platform_profile_id', 'role', 'message', 'timestamp', 'processed', 'agent_response'],
  queue: ['id', 'letta_user_id', 'message_id', 'status', 'attempts', 'timestamp'],
};

export type Recognised =
  | { kind: 'original' }
  /** Its tables, but not its columns: another version, or another program. */
  | { kind: 'incomplete'; missing: string[] }
  | { kind: 'other' };

export function recognise(db: Database): Recognised {
  const columns = db.prepare<[string], string>('SELECT name FROM pragma_table_info(?)').pluck();
  const missing: string[] = [];
  for (const [table, wanted] of Object.entries(TABLES)) {
    const found = new Set(columns.all(table));
    if (found.size === 0) return { kind: 'other' };
    missing.push(...wanted.filter((column) => !found.has(column)).map((column) => `${table}.${column}`));
  }
  return missing.length === 0 ? { kind: 'original' } : { kind: 'incomplete', missing };
}

/** Tables of its own making besides the four: a plugin's, for example. */
export function otherTables(db: Database): string[] {
  const names = db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'");
  return names
    .pluck()
    .all()
    .filter((name) => !Object.hasOwn(TABLES, name));
}

export type OriginalUser = {
  id: number;
  createdAt: string | null;
  lastActive: string | null;
  identityId: string | null;
  blockId: string | null;
  isActive: number;
};

export type OriginalProfile = {
  id: number;
  userId: number | null;
  platform: string | null;
  senderId: string | null;
  username: string | null;
  displayName: string | null;
  createdAt: string | null;
  lastActive: string | null;
};

export type OriginalRow = {
  id: number;
  profileId: number | null;
  userId: number | null;
  role: string | null;
  text: string | null;
  timestamp: string | null;
  isProcessed: number;
  response: string | null;
  status: string | null;
  attempts: number;
  queuedAt: string | null;
};

/** The rows have no types of their own (TEXT columns may hold anything): each value is cast. Ids are as they are. */
export const USERS = `
  SELECT id, CAST(created_at AS TEXT) AS createdAt, CAST(last_active AS TEXT) AS lastActive,
    nullif(trim(CAST(letta_identity_id AS TEXT)), '') AS identityId, nullif(trim(CAST(letta_block_id AS TEXT)), '') AS blockId,
    is_active IS NULL OR CAST(is_active AS INTEGER) <> 0 AS isActive
  FROM letta_users ORDER BY id`;

/** `userId` is null where its user is not there (the original did not enforce foreign keys). */
export const PROFILES = `
  SELECT id, (SELECT letta_users.id FROM letta_users WHERE letta_users.id = letta_user_id) AS userId,
    nullif(trim(CAST(platform AS TEXT)), '') AS platform, nullif(CAST(platform_user_id AS TEXT), '') AS senderId,
    nullif(CAST(username AS TEXT), '') AS username, nullif(CAST(display_name AS TEXT), '') AS displayName,
    CAST(created_at AS TEXT) AS createdAt, CAST(last_active AS TEXT) AS lastActive
  FROM platform_profiles ORDER BY id`;

/**
 * Each message with its queue row. Of several, the one that tells most of what was done counts: what was
 * completed is not asked again, what was being processed may have been asked; else the newest.
 */
export const MESSAGES = `
  WITH queued AS (
    SELECT * FROM (
      SELECT message_id, lower(trim(CAST(status AS TEXT))) AS status, CAST(attempts AS INTEGER) AS attempts, CAST(timestamp AS TEXT) AS queuedAt,
        row_number() OVER (PARTITION BY message_id ORDER BY
          CASE lower(trim(CAST(status AS TEXT))) WHEN 'completed' THEN 0 WHEN 'processing' THEN 1 WHEN 'pending' THEN 2 ELSE 3 END, id DESC) AS place
      FROM queue WHERE message_id IS NOT NULL) WHERE place = 1)
  SELECT messages.id AS id,
    coalesce((SELECT id FROM platform_profiles WHERE id = platform_profile_id),
      (SELECT min(id) FROM platform_profiles WHERE platform_profiles.letta_user_id = messages.letta_user_id)) AS profileId,
    messages.letta_user_id AS userId, lower(trim(CAST(role AS TEXT))) AS role, CAST(message AS TEXT) AS text,
    CAST(messages.timestamp AS TEXT) AS timestamp, coalesce(CAST(processed AS INTEGER), 0) <> 0 AS isProcessed,
    nullif(CAST(agent_response AS TEXT), '') AS response,
    CASE WHEN queued.message_id IS NULL THEN NULL ELSE coalesce(queued.status, '') END AS status,
    coalesce(queued.attempts, 0) AS attempts, queuedAt
  FROM messages LEFT JOIN queued ON queued.message_id = messages.id`;

/** Written by a program and not by a person: what the agent said, stored as a message of its own. */
export function isAgentsOwn({ role, status }: Pick<OriginalRow, 'role' | 'status'>): boolean {
  return status === null && (role === 'assistant' || role === 'agent');
}
