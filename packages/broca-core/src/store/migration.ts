/** One step of the schema. A released one is never edited: migrate.test holds each to its checksum. */
export type Migration = { version: number; sql: string };
