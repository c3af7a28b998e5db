/** One step of the schema. A released one is never edited: migrate.test holds each to its checksum. */
export type Migration = {
  version: number;
  sql: string;
  /**
   * The oldest schema whose Broca can still work with the database after this step. Steps that only add keep it as
   * it was (expand first), so that a release can be rolled back without its database; one that takes something away
   * raises it to the version since when nothing uses that any more.
   */
  worksFrom: number;
};
