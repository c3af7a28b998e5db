/** What every program of ours says with its exit status. `configuration` is EX_CONFIG of sysexits.h. */
export const EXIT: {
  readonly done: 0;
  /** Something is not well, or what was asked did not come true. */
  readonly failed: 1;
  readonly usage: 2;
  readonly noSupervisor: 3;
  /** A file a person wrote cannot be used; starting again changes nothing until it is mended. */
  readonly configuration: 78;
} = { done: 0, failed: 1, usage: 2, noSupervisor: 3, configuration: 78 };

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
