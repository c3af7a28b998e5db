import type { Migration } from '../migration.ts';

/** What channels remember for themselves, and what they made of a part besides its text. */
export const channelState: Migration = {
  version: 2,
  worksFrom: 1,
  sql: `
CREATE TABLE channel_state (
  channel TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (channel, key)
) STRICT, WITHOUT ROWID;

ALTER TABLE parts ADD COLUMN form TEXT;
`,
};
